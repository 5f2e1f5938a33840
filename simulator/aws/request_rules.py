"""What services refuse by their documentation where their models say nothing. Each rule names the page it is on.

A rule is a function of a request's parameters that yields what is wrong with them; RULES says whose they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from simulator.aws import policies, tag_rules
from simulator.aws.identity import services
from simulator.aws.tag_rules import Broken, Params


def broken(service: str, operation: str, params: Params) -> Broken | None:
    """What is wrong with a request beyond its shape, or None; the first fault, as services tell it."""
    for found in _all(service, operation, params):
        return found
    return None


def _all(service: str, operation: str, params: Params) -> Iterator[Broken]:
    yield from tag_rules.broken(service, params)
    for check in RULES.get(f"{service} {operation}", ()):
        yield from check(params)


ENVIRONMENT_BYTES = 4096
RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip
"""Source: Lambda developer guide, "Defined runtime environment variables"."""


def _environment(params: Params) -> Iterator[Broken]:
    """Source: Lambda developer guide, "Lambda environment variables": 4 KB in all, some names are Lambda's own."""
    variables: Mapping[str, str] = (params.get("Environment") or {}).get("Variables") or {}
    if own := sorted(RESERVED_VARIABLES & variables.keys()):
        yield Broken(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(own)}",
        )
    size = sum(len(f"{key}{value}".encode()) for key, value in variables.items())
    if size > ENVIRONMENT_BYTES:
        yield Broken(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit: {size} bytes.",
        )


_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo")
MESSAGE_BYTES = 262144


def _topic(params: Params) -> Iterator[Broken]:
    """Source: SNS API reference, CreateTopic, Name."""
    if not _TOPIC.fullmatch(params.get("Name", "")):
        yield Broken("InvalidParameter", "Invalid parameter: Topic Name")


def _published(params: Params) -> Iterator[Broken]:
    """Source: SNS API reference, Publish: Subject, Message."""
    subject, message = params.get("Subject"), params.get("Message", "")
    if subject is not None and not re.fullmatch(r"[\x21-\x7e][\x20-\x7e]{0,99}", subject):
        yield Broken("InvalidParameter", "Invalid parameter: Subject")
    if not message or len(message.encode()) > MESSAGE_BYTES:
        yield Broken(
            "InvalidParameter", f"Invalid parameter: Message {'too long' if message else 'Reason: Empty message'}"
        )


_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
QUEUE_ATTRIBUTES: Mapping[str, tuple[int, int]] = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1048576),
    "MessageRetentionPeriod": (60, 1209600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43200),
    "KmsDataKeyReusePeriodSeconds": (60, 86400),
}
"""Source: SQS API reference, SetQueueAttributes."""


def _queue(params: Params) -> Iterator[Broken]:
    """Source: SQS API reference, CreateQueue, QueueName."""
    if not _QUEUE.fullmatch(params.get("QueueName", "")):
        yield Broken(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )


def _queue_attributes(params: Params) -> Iterator[Broken]:
    given: Mapping[str, str] = params.get("Attributes") or {}
    for name, (least, most) in QUEUE_ATTRIBUTES.items():
        if name in given and not (str(given[name]).isdigit() and least <= int(given[name]) <= most):
            yield Broken("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


_PARAMETER = re.compile(r"[A-Za-z0-9_.\-/]+")
PARAMETER_BYTES = 4096
PARAMETER_LEVELS = 15


def _parameter(params: Params) -> Iterator[Broken]:
    """Source: Systems Manager user guide, "Requirements and constraints for parameter names"; API reference,
    PutParameter, Value: 4 KB for a standard parameter."""
    name, value = params.get("Name", ""), params.get("Value", "")
    if not _PARAMETER.fullmatch(name):
        yield Broken(
            "ValidationException",
            'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of '
            "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the "
            "following 3 symbols .-_",
        )
    if re.match(r"/?(aws|ssm)", name, re.IGNORECASE):
        yield Broken("AccessDeniedException", f"No access to reserved parameter name: {name}.")
    if name.count("/") > PARAMETER_LEVELS:
        yield Broken("HierarchyLevelLimitExceededException", f"{name} has more than {PARAMETER_LEVELS} levels.")
    if params.get("Tier", "Standard") == "Standard" and len(value.encode()) > PARAMETER_BYTES:
        yield Broken(
            "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters."
        )
    if not value:
        yield Broken("ValidationException", "Parameter value can't be empty.")


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _alarm(params: Params) -> Iterator[Broken]:
    """Source: CloudWatch API reference, PutMetricAlarm, AlarmName: no ASCII control characters."""
    if _CONTROL.search(params.get("AlarmName", "")):
        yield Broken("ValidationError", "AlarmName must not contain ASCII control characters.")
    yield from _dimensions(params.get("Dimensions") or ())
    for query in params.get("Metrics") or ():
        yield from _dimensions((query.get("MetricStat") or {}).get("Metric", {}).get("Dimensions") or ())


def _dimensions(dimensions: Sequence[Params]) -> Iterator[Broken]:
    """Source: CloudWatch API reference, Dimension: ASCII with a character that is no space, and names not from a
    colon on."""
    for one in dimensions:
        name, value = str(one.get("Name", "")), str(one.get("Value", ""))
        odd = name.startswith(":") or any(
            not text.isascii() or not text.strip() or _CONTROL.search(text) for text in (name, value)
        )
        if odd:
            yield Broken("InvalidParameterValue", f"The dimension {name!r} with value {value!r} is not valid.")


def _metric_data(params: Params) -> Iterator[Broken]:
    for datum in params.get("MetricData") or ():
        yield from _dimensions(datum.get("Dimensions") or ())


def _dashboard(params: Params) -> Iterator[Broken]:
    """Source: CloudWatch API reference, PutDashboard, DashboardName."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", params.get("DashboardName", "")):
        yield Broken("InvalidParameterValue", "DashboardName takes 255 of A-Z, a-z, 0-9, - and _.")


RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)


def _retention(params: Params) -> Iterator[Broken]:
    """Source: CloudWatch Logs API reference, PutRetentionPolicy, retentionInDays."""
    if params.get("retentionInDays") not in RETENTION_DAYS:
        yield Broken(
            "InvalidParameterException", f"retentionInDays: {params.get('retentionInDays')} is no valid value."
        )


ROLE_POLICY_CHARACTERS = 10240


def _role_policy(params: Params) -> Iterator[Broken]:
    """Source: IAM user guide, "IAM and AWS STS quotas": 10,240 characters of inline policies, white space aside."""
    size = len(re.sub(r"\s", "", params.get("PolicyDocument", "")))
    if size > ROLE_POLICY_CHARACTERS:
        yield Broken(
            "LimitExceeded",
            f"Maximum policy size of {ROLE_POLICY_CHARACTERS} bytes exceeded for role {params['RoleName']}",
        )


TARGETS_A_RULE = 5
PATTERN_CHARACTERS = 2048


def _event_rule(params: Params) -> Iterator[Broken]:
    """Source: EventBridge user guide, "Amazon EventBridge quotas", size of an event pattern; API reference, PutRule."""
    if len(params.get("EventPattern") or "") > PATTERN_CHARACTERS:
        yield Broken("LimitExceededException", f"The event pattern has more than {PATTERN_CHARACTERS} characters.")
    if not params.get("EventPattern") and not params.get("ScheduleExpression"):
        yield Broken("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")


def _event_targets(params: Params) -> Iterator[Broken]:
    """Source: EventBridge user guide, "Amazon EventBridge quotas": five targets a rule; API reference, Target."""
    if len(params.get("Targets") or ()) > TARGETS_A_RULE:
        yield Broken("LimitExceededException", f"A rule has at most {TARGETS_A_RULE} targets.")
    for target in params.get("Targets") or ():
        if sum(name in target for name in ("Input", "InputPath", "InputTransformer")) > 1:
            yield Broken(
                "ValidationException",
                f"Only one of Input, InputPath, or InputTransformer must be provided for target {target.get('Id')}.",
            )


KEY_POLICY_BYTES = 32768
KEY_CHARACTERS = re.compile(r"[\t\n\r\x20-\xff]*")


def _key_policy(params: Params) -> Iterator[Broken]:
    """Source: KMS API reference, CreateKey and PutKeyPolicy, Policy."""
    policy = params.get("Policy") or ""
    if len(policy.encode()) > KEY_POLICY_BYTES:
        yield Broken("LimitExceededException", f"The key policy has more than {KEY_POLICY_BYTES} bytes.")
    if not KEY_CHARACTERS.fullmatch(policy):
        yield Broken("MalformedPolicyDocumentException", "The key policy has characters that no policy takes.")


Rule = Callable[[Params], Iterator[Broken]]


def _conditions(params: Params) -> Iterator[Broken]:
    """No rule of AWS's: a condition that is not evaluated here would allow or deny what AWS does not."""
    attributes = params.get("Attributes") or {}
    text = (
        params.get("PolicyDocument") or params.get("AssumeRolePolicyDocument") or params.get("Policy")
        or attributes.get("Policy") or (params.get("AttributeName") == "Policy" and params.get("AttributeValue")) or ""
    )  # fmt: skip
    try:
        unknown = policies.unsupported(text) if text else []
    except (ValueError, AttributeError):
        return  # no policy at all, as the service itself says
    if unknown:
        yield Broken("MalformedPolicyDocument", f"The simulator does not evaluate {', '.join(unknown)}.")


def _runs(params: Params) -> Iterator[Broken]:
    """Source: Lambda developer guide, "Defining Lambda function permissions with an execution role": the role's trust
    policy names lambda.amazonaws.com."""
    if not services.takes(services.LAMBDA, params.get("Role") or ""):
        yield Broken("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")


def _hosts(params: Params) -> Iterator[Broken]:
    """Source: SageMaker developer guide, "How to use SageMaker AI execution roles": the trust policy that it needs."""
    arn = params.get("ExecutionRoleArn") or ""
    if not services.takes(services.SAGEMAKER, arn):
        yield Broken(
            "ValidationException",
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role.",
        )


def _posts(params: Params) -> Iterator[Broken]:
    """Source: AWS Chatbot administrator guide, "Setting up": the role's trust policy names chatbot.amazonaws.com."""
    if not services.takes(services.CHATBOT, params.get("IamRoleArn") or ""):
        yield Broken("InvalidParameterException", "AWS Chatbot cannot assume the role of the configuration.")


RULES: Mapping[str, tuple[Rule, ...]] = {
    "chatbot CreateSlackChannelConfiguration": (_posts,),
    "chatbot UpdateSlackChannelConfiguration": (_posts,),
    "cloudwatch PutCompositeAlarm": (_alarm,),
    "cloudwatch PutDashboard": (_dashboard,),
    "cloudwatch PutMetricAlarm": (_alarm,),
    "cloudwatch PutMetricData": (_metric_data,),
    "dynamodb PutResourcePolicy": (_conditions,),
    "events PutRule": (_event_rule,),
    "events PutTargets": (_event_targets,),
    "iam CreatePolicy": (_conditions,),
    "iam CreatePolicyVersion": (_conditions,),
    "iam CreateRole": (_conditions,),
    "iam PutRolePolicy": (_role_policy, _conditions),
    "iam UpdateAssumeRolePolicy": (_conditions,),
    "kms CreateKey": (_key_policy, _conditions),
    "kms PutKeyPolicy": (_key_policy, _conditions),
    "lambda CreateFunction": (_environment, _runs),
    "lambda UpdateFunctionConfiguration": (_environment, _runs),
    "logs PutRetentionPolicy": (_retention,),
    "sagemaker CreateModel": (_hosts,),
    "sns CreateTopic": (_topic, _conditions),
    "sns Publish": (_published,),
    "sns SetTopicAttributes": (_conditions,),
    "sqs CreateQueue": (_queue, _queue_attributes, _conditions),
    "sqs SetQueueAttributes": (_queue_attributes, _conditions),
    "ssm PutParameter": (_parameter,),
}
