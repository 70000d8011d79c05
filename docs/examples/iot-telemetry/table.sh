aws dynamodb create-table --table-name telemetry --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S \
    --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE

aws dynamodb wait table-exists --table-name telemetry

aws dynamodb update-time-to-live --table-name telemetry \
    --time-to-live-specification Enabled=true,AttributeName=expires
