"""The stated seconds of the platform: simulated, chosen, and the same in every rehearsal.

AWS publishes none of them but where it says so. docs/fidelity.md lists them; a test holds the two together.
"""

from __future__ import annotations

CREATE_SECONDS = 300.0
"""CreateEndpoint: Creating -> InService."""
UPDATE_SECONDS = 300.0
"""UpdateEndpoint: a new fleet, before the waits that its deployment configuration asks for."""
WEIGHTS_SECONDS = 30.0
"""UpdateEndpointWeightsAndCapacities with weights only."""
CAPACITY_SECONDS = 120.0
"""UpdateEndpointWeightsAndCapacities with an instance count."""
DELETE_SECONDS = 10.0
"""DeleteEndpoint: Deleting -> gone."""
ROLLBACK_SECONDS = 60.0
"""RollingBack -> InService after a deployment that failed."""
WEIGHTS_ROLLBACK_SECONDS = 20.0
"""RollingBack -> InService after a change of weights or capacity that failed."""
FAILURE_SECONDS = 120.0
"""How long a new fleet that gets no instances, or never turns healthy, takes to be given up."""
SYSTEM_UPDATE_SECONDS = 120.0
"""SystemUpdating -> InService, where a rehearsal asks for the platform's own maintenance."""
METRIC_DELAY_SECONDS = 60.0
"""After the end of its minute, until a datapoint of AWS/SageMaker or /aws/sagemaker/Endpoints can be read."""
CAPTURE_DELAY_SECONDS = 120.0
"""After the first record in a capture file, until the file is in the bucket."""
EVENT_AGE_SECONDS = 6 * 3600.0
"""How long an asynchronous call waits for free concurrency, unless the function says otherwise. Published."""
THROTTLE_WAIT_SECONDS = 300.0
"""The longest wait between two attempts of it. Published."""
EVENT_RETRY_SECONDS = (60.0, 120.0)
"""Before the first and the second retry of a function that failed on an asynchronous call."""
