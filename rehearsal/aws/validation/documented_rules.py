"""Rules that services document but that are missing in their models. Each rule names its page.

A rule is a function of a request's parameters that yields the violations; RULES maps operations to rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from rehearsal.aws.identity import policies, service_principals
from rehearsal.aws.validation import tags
from rehearsal.aws.validation.tags import Params, RuleViolation


def find_violation(service: str, operation: str, params: Params) -> RuleViolation | None:
    """The first violation of a request beyond its shape, which services report, or None."""
    for violation in _list_violations(service, operation, params):
        return violation
    return None


def _list_violations(service: str, operation: str, params: Params) -> Iterator[RuleViolation]:
    yield from tags.list_tag_violations(service, params)
    for check in RULES.get(f"{service} {operation}", ()):
        yield from check(params)


MAX_ENVIRONMENT_BYTES = 4096
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


def _check_environment(params: Params) -> Iterator[RuleViolation]:
    """Source: Lambda developer guide, "Lambda environment variables": 4 KB in all, some names are Lambda's own."""
    variables: Mapping[str, str] = (params.get("Environment") or {}).get("Variables") or {}
    if reserved := sorted(RESERVED_VARIABLES & variables.keys()):
        yield RuleViolation(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}",
        )
    size = sum(len(f"{key}{value}".encode()) for key, value in variables.items())
    if size > MAX_ENVIRONMENT_BYTES:
        yield RuleViolation(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit: {size} bytes.",
        )


_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo")
MAX_MESSAGE_BYTES = 262144


def _check_topic(params: Params) -> Iterator[RuleViolation]:
    """Source: SNS API reference, CreateTopic, Name."""
    if not _TOPIC.fullmatch(params.get("Name", "")):
        yield RuleViolation("InvalidParameter", "Invalid parameter: Topic Name")


def _check_publish(params: Params) -> Iterator[RuleViolation]:
    """Source: SNS API reference, Publish: Subject, Message."""
    subject, message = params.get("Subject"), params.get("Message", "")
    if subject is not None and not re.fullmatch(r"[\x21-\x7e][\x20-\x7e]{0,99}", subject):
        yield RuleViolation("InvalidParameter", "Invalid parameter: Subject")
    if not message or len(message.encode()) > MAX_MESSAGE_BYTES:
        yield RuleViolation(
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


def _check_queue(params: Params) -> Iterator[RuleViolation]:
    """Source: SQS API reference, CreateQueue, QueueName."""
    if not _QUEUE.fullmatch(params.get("QueueName", "")):
        yield RuleViolation(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )


def _check_queue_attributes(params: Params) -> Iterator[RuleViolation]:
    attributes: Mapping[str, str] = params.get("Attributes") or {}
    for name, (minimum, maximum) in QUEUE_ATTRIBUTES.items():
        if name in attributes and not (str(attributes[name]).isdigit() and minimum <= int(attributes[name]) <= maximum):
            yield RuleViolation("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


_PARAMETER = re.compile(r"[A-Za-z0-9_.\-/]+")
MAX_PARAMETER_BYTES = 4096
MAX_PARAMETER_LEVELS = 15


def _check_parameter(params: Params) -> Iterator[RuleViolation]:
    """Checks the name, and the value: 4 KB for a standard parameter.

    Source: Systems Manager user guide, "Requirements and constraints for parameter names"; API reference, PutParameter,
    Value.
    """
    name, value = params.get("Name", ""), params.get("Value", "")
    if not _PARAMETER.fullmatch(name):
        yield RuleViolation(
            "ValidationException",
            'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of '
            "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the "
            "following 3 symbols .-_",
        )
    if re.match(r"/?(aws|ssm)", name, re.IGNORECASE):
        yield RuleViolation("AccessDeniedException", f"No access to reserved parameter name: {name}.")
    if name.count("/") > MAX_PARAMETER_LEVELS:
        yield RuleViolation(
            "HierarchyLevelLimitExceededException", f"{name} has more than {MAX_PARAMETER_LEVELS} levels."
        )
    if params.get("Tier", "Standard") == "Standard" and len(value.encode()) > MAX_PARAMETER_BYTES:
        yield RuleViolation(
            "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters."
        )
    if not value:
        yield RuleViolation("ValidationException", "Parameter value can't be empty.")


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _check_alarm(params: Params) -> Iterator[RuleViolation]:
    """Source: CloudWatch API reference, PutMetricAlarm, AlarmName: no ASCII control characters."""
    if _CONTROL.search(params.get("AlarmName", "")):
        yield RuleViolation("ValidationError", "AlarmName must not contain ASCII control characters.")
    yield from _check_dimensions(params.get("Dimensions") or ())
    for query in params.get("Metrics") or ():
        yield from _check_dimensions((query.get("MetricStat") or {}).get("Metric", {}).get("Dimensions") or ())


def _check_dimensions(dimensions: Sequence[Params]) -> Iterator[RuleViolation]:
    """Requires ASCII with a non-space character, and names that do not begin with a colon.

    Source: CloudWatch API reference, Dimension.
    """
    for dimension in dimensions:
        name, value = str(dimension.get("Name", "")), str(dimension.get("Value", ""))
        is_invalid = name.startswith(":") or any(
            not text.isascii() or not text.strip() or _CONTROL.search(text) for text in (name, value)
        )
        if is_invalid:
            yield RuleViolation("InvalidParameterValue", f"The dimension {name!r} with value {value!r} is not valid.")


def _check_metric_data(params: Params) -> Iterator[RuleViolation]:
    for datum in params.get("MetricData") or ():
        yield from _check_dimensions(datum.get("Dimensions") or ())


def _check_dashboard(params: Params) -> Iterator[RuleViolation]:
    """Source: CloudWatch API reference, PutDashboard, DashboardName."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", params.get("DashboardName", "")):
        yield RuleViolation("InvalidParameterValue", "DashboardName takes 255 of A-Z, a-z, 0-9, - and _.")


RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)


def _check_retention(params: Params) -> Iterator[RuleViolation]:
    """Source: CloudWatch Logs API reference, PutRetentionPolicy, retentionInDays."""
    if params.get("retentionInDays") not in RETENTION_DAYS:
        yield RuleViolation(
            "InvalidParameterException", f"retentionInDays: {params.get('retentionInDays')} is no valid value."
        )


MAX_ROLE_POLICY_CHARACTERS = 10240


def _check_role_policy(params: Params) -> Iterator[RuleViolation]:
    """Source: IAM user guide, "IAM and AWS STS quotas": 10,240 characters of inline policies, without white space."""
    size = len(re.sub(r"\s", "", params.get("PolicyDocument", "")))
    if size > MAX_ROLE_POLICY_CHARACTERS:
        yield RuleViolation(
            "LimitExceeded",
            f"Maximum policy size of {MAX_ROLE_POLICY_CHARACTERS} bytes exceeded for role {params['RoleName']}",
        )


MAX_TARGETS_PER_RULE = 5
MAX_PATTERN_CHARACTERS = 2048


def _check_event_rule(params: Params) -> Iterator[RuleViolation]:
    """Source: EventBridge user guide, "Amazon EventBridge quotas", size of an event pattern; API reference, PutRule."""
    if len(params.get("EventPattern") or "") > MAX_PATTERN_CHARACTERS:
        yield RuleViolation(
            "LimitExceededException", f"The event pattern has more than {MAX_PATTERN_CHARACTERS} characters."
        )
    if not params.get("EventPattern") and not params.get("ScheduleExpression"):
        yield RuleViolation("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")


def _check_event_targets(params: Params) -> Iterator[RuleViolation]:
    """Source: EventBridge user guide, "Amazon EventBridge quotas": five targets a rule; API reference, Target."""
    if len(params.get("Targets") or ()) > MAX_TARGETS_PER_RULE:
        yield RuleViolation("LimitExceededException", f"A rule has at most {MAX_TARGETS_PER_RULE} targets.")
    for target in params.get("Targets") or ():
        if sum(name in target for name in ("Input", "InputPath", "InputTransformer")) > 1:
            yield RuleViolation(
                "ValidationException",
                f"Only one of Input, InputPath, or InputTransformer must be provided for target {target.get('Id')}.",
            )


MAX_KEY_POLICY_BYTES = 32768
KEY_CHARACTERS = re.compile(r"[\t\n\r\x20-\xff]*")


def _check_key_policy(params: Params) -> Iterator[RuleViolation]:
    """Source: KMS API reference, CreateKey and PutKeyPolicy, Policy."""
    policy = params.get("Policy") or ""
    if len(policy.encode()) > MAX_KEY_POLICY_BYTES:
        yield RuleViolation("LimitExceededException", f"The key policy has more than {MAX_KEY_POLICY_BYTES} bytes.")
    if not KEY_CHARACTERS.fullmatch(policy):
        yield RuleViolation("MalformedPolicyDocumentException", "The key policy has characters that no policy takes.")


RequestRule = Callable[[Params], Iterator[RuleViolation]]


def _check_condition_operators(params: Params) -> Iterator[RuleViolation]:
    """Refuses unsupported condition operators.

    This is not a rule of AWS: ignoring such a condition would allow or deny more than AWS.
    """
    attributes = params.get("Attributes") or {}
    text = (
        params.get("PolicyDocument") or params.get("AssumeRolePolicyDocument") or params.get("Policy")
        or attributes.get("Policy") or (params.get("AttributeName") == "Policy" and params.get("AttributeValue")) or ""
    )  # fmt: skip
    try:
        unknown = policies.list_unsupported_operators(text) if text else []
    except (ValueError, AttributeError):
        return  # not a policy, which the service itself reports
    if unknown:
        yield RuleViolation("MalformedPolicyDocument", f"The simulator does not evaluate {', '.join(unknown)}.")


def _check_function_trust(params: Params) -> Iterator[RuleViolation]:
    """Requires a trust policy of the role that names lambda.amazonaws.com.

    Source: Lambda developer guide, "Defining Lambda function permissions with an execution role".
    """
    if not service_principals.can_assume_role(service_principals.LAMBDA, params.get("Role") or ""):
        yield RuleViolation(
            "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."
        )


def _check_model_trust(params: Params) -> Iterator[RuleViolation]:
    """Requires SageMaker in the role's trust policy.

    Source: SageMaker developer guide, "How to use SageMaker AI execution roles".
    """
    arn = params.get("ExecutionRoleArn") or ""
    if not service_principals.can_assume_role(service_principals.SAGEMAKER, arn):
        yield RuleViolation(
            "ValidationException",
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role.",
        )


def _check_chatbot_trust(params: Params) -> Iterator[RuleViolation]:
    """Requires a trust policy of the role that names chatbot.amazonaws.com.

    Source: AWS Chatbot administrator guide, "Setting up".
    """
    if not service_principals.can_assume_role(service_principals.CHATBOT, params.get("IamRoleArn") or ""):
        yield RuleViolation("InvalidParameterException", "AWS Chatbot cannot assume the role of the configuration.")


RULES: Mapping[str, tuple[RequestRule, ...]] = {
    "chatbot CreateSlackChannelConfiguration": (_check_chatbot_trust,),
    "chatbot UpdateSlackChannelConfiguration": (_check_chatbot_trust,),
    "cloudwatch PutCompositeAlarm": (_check_alarm,),
    "cloudwatch PutDashboard": (_check_dashboard,),
    "cloudwatch PutMetricAlarm": (_check_alarm,),
    "cloudwatch PutMetricData": (_check_metric_data,),
    "dynamodb PutResourcePolicy": (_check_condition_operators,),
    "events PutRule": (_check_event_rule,),
    "events PutTargets": (_check_event_targets,),
    "iam CreatePolicy": (_check_condition_operators,),
    "iam CreatePolicyVersion": (_check_condition_operators,),
    "iam CreateRole": (_check_condition_operators,),
    "iam PutRolePolicy": (_check_role_policy, _check_condition_operators),
    "iam UpdateAssumeRolePolicy": (_check_condition_operators,),
    "kms CreateKey": (_check_key_policy, _check_condition_operators),
    "kms PutKeyPolicy": (_check_key_policy, _check_condition_operators),
    "lambda CreateFunction": (_check_environment, _check_function_trust),
    "lambda UpdateFunctionConfiguration": (_check_environment, _check_function_trust),
    "logs PutRetentionPolicy": (_check_retention,),
    "sagemaker CreateModel": (_check_model_trust,),
    "sns CreateTopic": (_check_topic, _check_condition_operators),
    "sns Publish": (_check_publish,),
    "sns SetTopicAttributes": (_check_condition_operators,),
    "sqs CreateQueue": (_check_queue, _check_queue_attributes, _check_condition_operators),
    "sqs SetQueueAttributes": (_check_queue_attributes, _check_condition_operators),
    "ssm PutParameter": (_check_parameter,),
}
