aws dynamodb create-table --table-name players --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S \
        AttributeName=board,AttributeType=S AttributeName=score,AttributeType=N \
    --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE \
    --global-secondary-indexes '[
        {"IndexName": "by-score",
         "KeySchema": [{"AttributeName": "board", "KeyType": "HASH"},
                       {"AttributeName": "score", "KeyType": "RANGE"}],
         "Projection": {"ProjectionType": "ALL"}}]'
