aws dynamodb create-table --table-name orders-replica --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=customer,AttributeType=S \
        AttributeName=order_id,AttributeType=S AttributeName=state,AttributeType=S \
    --key-schema AttributeName=customer,KeyType=HASH AttributeName=order_id,KeyType=RANGE \
    --global-secondary-indexes '[
        {"IndexName": "by-state",
         "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"},
                       {"AttributeName": "order_id", "KeyType": "RANGE"}],
         "Projection": {"ProjectionType": "ALL"}}]'
