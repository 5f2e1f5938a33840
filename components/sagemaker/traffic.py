"""The last step of an `up`, and the first of a `destroy`: the declared split, and with it the endpoint's life.

Everything that the split needs, and the way back from it, is there before it and until after its end.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.sagemaker.end import EndpointEnd
from components.sagemaker.endpoint import Endpoint
from components.sagemaker.weights import VariantWeights
from components.scope import Scope


class Traffic(pulumi.ComponentResource):
    """The weights of an endpoint, applied after its fleet, its capacity and what `after` names: all that guards it; and
    its end, owned before they are.

    A protected one is what a `destroy` stops at: the engine deletes nothing that it depends on.
    """

    def __init__(
        self,
        scope: Scope,
        endpoint: Endpoint,
        *,
        acknowledged: str,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("tidewatch:sagemaker:Traffic", scope.name("traffic"), None, opts)
        end = EndpointEnd(
            scope.name("end"),
            endpoint.declaration,
            endpoint=endpoint.name,
            opts=pulumi.ResourceOptions(
                parent=self, protect=scope.protect, depends_on=[endpoint.gate, endpoint, *after]
            ),
        )
        self.weights = VariantWeights(
            scope.name("weights"),
            endpoint.declaration,
            endpoint=endpoint.name,
            deployment=endpoint.deployment.config,
            acknowledged=acknowledged,
            opts=pulumi.ResourceOptions(parent=self, protect=scope.protect, depends_on=[end]),
        )
        self.declared = {slot: round(share, 6) for slot, share in endpoint.declaration.split.shares.items()}
        self.held_back = self.weights.held_back
        self.register_outputs({"live": self.weights.live})
