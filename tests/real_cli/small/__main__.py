"""A bucket with an object, a role with a policy, a function, a queue and a topic: each kind of change in one place."""

import json

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
body, timeout, prefix = config.get("body") or "one", config.get_int("timeout") or 10, config.get("prefix") or "first"

bucket = aws.s3.Bucket("Bucket", force_destroy=True, tags={"purpose": "test"})
aws.s3.BucketVersioning("versions", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
aws.s3.BucketObjectv2("greeting", bucket=bucket.bucket, key=f"{prefix}/greeting", content=body)

trust = aws.iam.get_policy_document_output(
    statements=[
        {
            "actions": ["sts:AssumeRole"],
            "principals": [{"type": "Service", "identifiers": ["lambda.amazonaws.com"]}],
        }
    ]
)
role = aws.iam.Role("role", assume_role_policy=trust.json)
aws.iam.RolePolicy(
    "reads",
    role=role.name,
    policy=bucket.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/*"}],
            }
        )
    ),
)
function = aws.lambda_.Function(
    "function",
    role=role.arn,
    runtime="python3.12",
    handler="handler.handler",
    architectures=["arm64"],
    timeout=timeout,
    code=pulumi.AssetArchive(
        {
            "handler.py": pulumi.StringAsset("def handler(event, context):\n    return event\n"),
            "lib": pulumi.FileArchive("lib"),
        }
    ),
    environment={"variables": {"BUCKET": bucket.bucket}},
    opts=pulumi.ResourceOptions(depends_on=[role]),
)
queue = aws.sqs.Queue("queue", message_retention_seconds=1_209_600)
secret = aws.ssm.Parameter("secret", type="SecureString", value=config.get("secret") or "hush")

pulumi.export("bucket", bucket.bucket)
pulumi.export("function", function.name)
pulumi.export("queue", queue.url)
pulumi.export("account", aws.get_caller_identity().account_id)
pulumi.export("secret", secret.value)
