from tests.tidewatch.registry.conftest import aws, description, pack, registry, s3, standing_clock

__all__ = ["aws", "description", "pack", "registry", "s3", "standing_clock"]
