aws dynamodb create-table --table-name clicks --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S \
        AttributeName=minute,AttributeType=S AttributeName=product_id,AttributeType=S \
        AttributeName=user,AttributeType=S AttributeName=at,AttributeType=S \
    --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE \
    --global-secondary-indexes '[
        {"IndexName": "by-minute",
         "KeySchema": [{"AttributeName": "minute", "KeyType": "HASH"},
                       {"AttributeName": "product_id", "KeyType": "RANGE"}],
         "Projection": {"ProjectionType": "KEYS_ONLY"}},
        {"IndexName": "by-user",
         "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"},
                       {"AttributeName": "at", "KeyType": "RANGE"}],
         "Projection": {"ProjectionType": "ALL"}}]'

aws dynamodb wait table-exists --table-name clicks

aws dynamodb update-time-to-live --table-name clicks \
    --time-to-live-specification Enabled=true,AttributeName=expires
