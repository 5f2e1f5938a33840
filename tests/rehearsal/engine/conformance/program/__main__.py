"""The program that the recordings were made with: one scenario per stack, in numbered stages."""

import signal
from pathlib import Path

try:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
except ValueError:
    pass

import json

import pulumi
import pulumi_aws as aws
from dyn import D, Default
from pulumi import ResourceOptions
from pulumi_aws.iam import Role
from pulumi_aws.sns import Topic

config = pulumi.Config()
scenario, stage = config.require("s"), config.require_int("n")
EMPTY = '{"Version":"2012-10-17","Statement":[]}'


class Comp(pulumi.ComponentResource):
    def __init__(self, name, opts=None, kind="tw:index:Comp", kids=("t",)):
        super().__init__(kind, name, {}, opts)
        self.kids = [
            Topic(f"{name}-{kid}", name=f"{scenario}-{kid}", opts=ResourceOptions(parent=self)) for kid in kids
        ]
        self.register_outputs({"arns": [kid.arn for kid in self.kids]})


def basics():
    if stage < 4:
        name = "basics-renamed" if stage >= 3 else "basics"
        t = Topic("t", name=name, tags={"n": "2"} if stage >= 2 else None)
        pulumi.export("arn", t.arn)
        D("d", "basics", t.arn)
    pulumi.export("role", Role("r", name="basics-r", assume_role_policy=EMPTY).arn)


def hashes():
    digest = ["", "a1", "b2", "a1", "a1"][stage]
    model = aws.sagemaker.Model(
        f"m-{digest}",
        execution_role_arn="arn:aws:iam::123456789012:role/x",
        primary_container={"image": "i:1", "model_data_url": f"s3://b/{digest}"},
        opts=ResourceOptions(retain_on_delete=True),
    )
    weights = [("blue", stage)] if stage < 4 else [("blue", 9), ("green", 7)]
    aws.sagemaker.EndpointConfiguration(
        f"cfg-{digest}",
        production_variants=[
            {
                "variant_name": variant,
                "model_name": model.name,
                "instance_type": "ml.m5.xlarge",
                "initial_instance_count": 1,
                "initial_variant_weight": weight,
            }
            for variant, weight in weights
        ],
        opts=ResourceOptions(
            retain_on_delete=True, ignore_changes=["productionVariants[*].initialVariantWeight"]
        ),
    )


def ignoring():
    ignored = ["tags.a"] if stage < 3 else ["tags.b", "production_variants[*].x"]
    tags = {"a": str(stage), "b": str(stage)}
    t = Topic("t", name="ign", tags=tags, opts=ResourceOptions(ignore_changes=ignored))
    pulumi.export("tags", t.tags)


def unknowns():
    t = Topic("t", name=f"unk{stage}")
    d = D("d", "unk", t.arn)
    e = D("e", "unk-e", d.made)
    pulumi.export("v", e.v)
    pulumi.export("nested", {"x": [t.arn, 1, True, 2.5]})


def failing():
    D("d", "fail", {1: "ok", 2: "boom", 3: "fine"}[stage])
    Topic("t", name="failing")


def failing_create():
    D("d", "failc", {1: "boom", 2: "ok"}[stage])
    pulumi.export("x", 1)


def init_failed():
    """S3 makes the bucket and refuses its tags, which begin with `aws:` in stages 1 and 2, and again in 4 and 5."""
    tags = {"aws:a": "1"} if stage < 3 else {"b": "1"} if stage == 3 else {"aws:c": "1"}
    b = aws.s3.Bucket("b", bucket="init-failed", tags=tags)
    Topic("t", name="init-failed", tags={"arn": b.arn})
    pulumi.export("arn", b.arn)


def bad_check():
    D("d", "bad", {1: "ok", 2: "bad", 3: "ok"}[stage])


def secrets():
    secret = pulumi.Output.secret("hush" if stage < 2 else "hush2")
    t = Topic("t", name="secr", tags={"p": secret, "q": "open"})
    d = D("d", "secr", pulumi.Output.secret("s"))
    pulumi.export("p", t.tags)
    pulumi.export("v", d.v)
    pulumi.export("made", d.made)
    x = Topic("x", name="secr2", opts=ResourceOptions(additional_secret_outputs=["arn"]))
    pulumi.export("xarn", x.arn)


def archives():
    handler = Path("../src/h.py")
    handler.parent.mkdir(exist_ok=True)
    handler.write_text("def f(): pass\n" if stage < 3 else "def f(): return 1\n")
    role = Role("r", name="arch-r", assume_role_policy=EMPTY)
    runtime = {"runtime": "python3.11", "handler": "h.f"}
    f = aws.lambda_.Function("f", name="arch-f", role=role.arn, code=pulumi.FileArchive("../src"), **runtime)
    members = {"h.py": pulumi.FileAsset("../src/h.py"), "t.txt": pulumi.StringAsset("x" if stage < 4 else "y")}
    aws.lambda_.Function("g", name="arch-g", role=role.arn, code=pulumi.AssetArchive(members), **runtime)
    b = aws.s3.Bucket("b", bucket="arch-b")
    aws.s3.BucketObjectv2("o", bucket=b.bucket, key="k", source=pulumi.FileAsset("../src/h.py"))
    pulumi.export("sha", f.source_code_hash.apply(lambda digest: bool(digest)))


def invokes():
    me = aws.get_caller_identity_output()
    principal = {"type": "Service", "identifiers": ["lambda.amazonaws.com"]}
    statement = {"effect": "Allow", "actions": ["sts:AssumeRole"], "principals": [principal]}
    document = aws.iam.get_policy_document_output(statements=[statement])
    r = Role("r", name="inv-r", assume_role_policy=document.json)
    pulumi.export("me", me.account_id)
    pulumi.export("doc", r.assume_role_policy.apply(json.loads))
    pulumi.export("region", aws.get_region().region)
    b = aws.s3.Bucket("b", bucket="inv-b")
    o = aws.s3.BucketObjectv2("o", bucket=b.bucket, key="k", content="{}")
    pulumi.export("body", aws.s3.get_object_output(bucket=b.bucket, key=o.key).body)


def providers():
    region, team = "us-east-1" if stage < 3 else "us-west-2", "x" if stage < 2 else "y"
    p = aws.Provider("p", region=region, default_tags={"tags": {"team": team}})
    t = Topic("t", name="prov", opts=ResourceOptions(provider=p))
    pulumi.export("tags", t.tags_all)
    pulumi.export("arn", t.arn)
    pulumi.export("ktags", Comp("c", opts=ResourceOptions(providers=[p])).kids[0].tags_all)


def ordering():
    a = Topic("a", name="ord-a")
    b = Topic("b", name="ord-b", opts=ResourceOptions(depends_on=[a]))
    c = Comp("c", opts=ResourceOptions(depends_on=[b]))
    Topic("z", name="ord-z", opts=ResourceOptions(depends_on=[c]))
    if stage == 2:
        Topic("y", name="ord-y", opts=ResourceOptions(depends_on=[c]))


def aliases():
    if stage == 1:
        Topic("old", name="al")
        Comp("cold")
        D("dd", "al", "1")
        return
    Topic("new", name="al", opts=ResourceOptions(aliases=[pulumi.Alias(name="old")]))
    alias = pulumi.Alias(name="cold") if stage < 4 else pulumi.Alias(name="cnew", type_="tw:index:Comp")
    kind = "tw:index:Comp" if stage < 4 else "tw:index:Comp2"
    comp = Comp("cnew", opts=ResourceOptions(aliases=[alias]), kind=kind)
    moved = pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)
    D("dd", "al", "1", opts=ResourceOptions(parent=comp, aliases=[moved]))


def protecting():
    if stage < 3 or stage == 5:
        Topic("t", name="prot" if stage == 1 else "prot2", opts=ResourceOptions(protect=stage != 5))
    if stage == 4:
        Topic("t", name="prot", opts=ResourceOptions(protect=True))


def dbr():
    D("d", f"dbr{stage}", "1", dbr=True)
    t = Topic("t", name=f"dbrt{stage}", opts=ResourceOptions(delete_before_replace=True))
    Topic("u", name="dbru", tags={"x": t.arn})


def replacing():
    options = ResourceOptions(replace_on_changes=["tags"], delete_before_replace=True)
    Topic("t", name="rep", tags={"x": str(stage)}, opts=options)


def duplicate():
    Topic("t", name="dup1")
    if stage == 2:
        Topic("t", name="dup2")


def reading():
    a = Topic("a", name="reading")
    pulumi.export("got", a.arn.apply(lambda arn: arn.split(":")[-1]))
    if stage >= 2:
        pulumi.export("g", Topic.get("g", "arn:aws:sns:us-east-1:123456789012:reading").arn)


def importing():
    options = ResourceOptions(import_="importing") if stage == 1 else None
    aws.s3.Bucket("b", bucket="importing", opts=options)


def retaining():
    k = pulumi.ComponentResource("tw:index:K", "k", {}, ResourceOptions(retain_on_delete=True))
    k.register_outputs({})
    if stage == 1:
        Topic("t", name="retaining", opts=ResourceOptions(parent=k))


def default_diff():
    Default("d", {"a": stage // 2, "b": [1, {"c": None, "d": 2.5}]})


def components():
    k = Comp("k", kids=("a", "b") if stage != 2 else ("a", "c"))
    pulumi.export("arns", [kid.arn for kid in k.kids])


def run_error():
    Topic("t", name="rerr")
    if stage == 2:
        raise pulumi.RunError("tidewatch:variants.green.weight: -1 is negative; use 0 or more")


def exception():
    Topic("t", name="exc")
    pulumi.export("a", stage)
    if stage == 2:
        raise ValueError("oops")


def bad_name():
    Topic("t", name="bad name!" if stage == 2 else "ok")


def unknown_type():
    aws.sqs.Queue("q")


def drift():
    D("d", "drift", "1")
    Topic("t", name="drifting")


def alldyn():
    d = Default("d", {"blue": 90, "green": 10.5} if stage < 2 else {"blue": 50, "green": 50})
    pulumi.export("v", d.urn)


globals()[scenario]()
