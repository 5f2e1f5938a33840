"""The stated seconds of the platform: simulated, chosen, and the same in every rehearsal.

AWS publishes none of them except those marked as published. docs/fidelity.md lists them; a test compares the two.
"""

from __future__ import annotations

CREATE_SECONDS = 300.0
"""CreateEndpoint: Creating -> InService."""
UPDATE_SECONDS = 300.0
"""UpdateEndpoint: a new fleet, before the waits of its deployment configuration."""
WEIGHTS_SECONDS = 30.0
"""UpdateEndpointWeightsAndCapacities with weights only."""
CAPACITY_SECONDS = 120.0
"""UpdateEndpointWeightsAndCapacities with an instance count."""
DELETE_SECONDS = 10.0
"""DeleteEndpoint: Deleting -> deleted."""
ROLLBACK_SECONDS = 60.0
"""RollingBack -> InService after a failed deployment."""
WEIGHTS_ROLLBACK_SECONDS = 20.0
"""RollingBack -> InService after a failed change of weights or capacity."""
FAILURE_SECONDS = 120.0
"""Until a new fleet fails that gets no instances or does not become healthy."""
SYSTEM_UPDATE_SECONDS = 120.0
"""SystemUpdating -> InService, for maintenance of the platform that a rehearsal injects."""
METRIC_DELAY_SECONDS = 60.0
"""From the end of its minute until a datapoint of AWS/SageMaker or /aws/sagemaker/Endpoints is readable."""
CAPTURE_DELAY_SECONDS = 120.0
"""From the first record in a capture file until the file is in the bucket."""
EVENT_AGE_SECONDS = 6 * 3600.0
"""How long an asynchronous call waits for free concurrency, by default. Published."""
THROTTLE_WAIT_SECONDS = 300.0
"""The longest wait between two attempts of a throttled asynchronous call. Published."""
EVENT_RETRY_SECONDS = (60.0, 120.0)
"""Before the first and the second retry of a failed asynchronous call."""
