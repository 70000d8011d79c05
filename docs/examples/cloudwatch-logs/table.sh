aws dynamodb create-table --table-name logs --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S \
        AttributeName=request_id,AttributeType=S AttributeName=at,AttributeType=S \
    --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE \
    --global-secondary-indexes '[
        {"IndexName": "by-request",
         "KeySchema": [{"AttributeName": "request_id", "KeyType": "HASH"},
                       {"AttributeName": "at", "KeyType": "RANGE"}],
         "Projection": {"ProjectionType": "ALL"}}]'

aws dynamodb wait table-exists --table-name logs

aws dynamodb update-time-to-live --table-name logs \
    --time-to-live-specification Enabled=true,AttributeName=expires
