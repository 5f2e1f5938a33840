"""The last step of an `up` and the first of a `destroy`: the declared split, and the deletion of the endpoint.

Everything that the split and a rollback need is created before this step and deleted after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.sagemaker.endpoint import ServingEndpoint
from components.sagemaker.endpoint_deletion import EndpointEnd
from components.sagemaker.weights import VariantWeights
from components.stack_context import StackContext


class Traffic(pulumi.ComponentResource):
    """The weights of an endpoint, and the resource that deletes the endpoint.

    The weights are applied after the fleet, the capacity and `safeguards`, which is everything that guards the
    endpoint. The resource that deletes the endpoint is created before the weights. If this component is protected,
    `destroy` stops at it: the engine deletes nothing that a protected resource depends on.
    """

    def __init__(
        self,
        context: StackContext,
        endpoint: ServingEndpoint,
        *,
        acknowledged: str,
        safeguards: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("tidewatch:sagemaker:Traffic", context.name("traffic"), None, opts)
        end = EndpointEnd(
            context.name("end"),
            endpoint.traffic_inputs,
            endpoint=endpoint.name,
            opts=pulumi.ResourceOptions(
                parent=self, protect=context.protect, depends_on=[endpoint.gate, endpoint, *safeguards]
            ),
        )
        self.weights = VariantWeights(
            context.name("weights"),
            endpoint.traffic_inputs,
            endpoint=endpoint.name,
            deployment=endpoint.deployment.config,
            acknowledged=acknowledged,
            opts=pulumi.ResourceOptions(parent=self, protect=context.protect, depends_on=[end]),
        )
        self.declared = {variant: round(share, 6) for variant, share in endpoint.traffic_inputs.split.shares.items()}
        self.withheld = self.weights.withheld
        self.register_outputs({"live": self.weights.live})
