"""Speaking to AWS as the AWS provider of the stack does: the same credentials, addresses and manners.

    connection = Connection.of({"aws:region": "us-east-1", "aws:assumeRoles": [{"roleArn": "arn:aws:iam::..."}]})
    sessions.client(connection, "s3")

The clients are in tidewatch.aws.sessions, apart: who only reads a config imports no boto3.
"""

from tidewatch.aws.connection import PROVIDER_KEYS, AssumedRole, Connection, find_config_faults

__all__ = ["PROVIDER_KEYS", "AssumedRole", "Connection", "find_config_faults"]
