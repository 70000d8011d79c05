# SPDX-License-Identifier: Apache-2.0
"""Our endpoints against botocore's, which follows AWS's own rule sets and table of partitions."""
import itertools
import json
import subprocess

import pytest

from built import BUILD

provider = pytest.importorskip("botocore.endpoint_provider",
                               reason="this botocore has no endpoint rules")
import botocore.exceptions  # noqa: E402
import botocore.loaders  # noqa: E402

TOOL = BUILD / "tests/bench/endpoint_tool"

BUCKETS = ["bucket", "my.bucket", "a-b-1", "x" * 63, "Old_Bucket", "trailing-",
           "mine-abcdefghijklmnopqrstuvwxyz1234-s3alias"]
POINT = "arn:{partition}:s3:{region}:123456789012:accesspoint/mine"
SERVICES = ["dynamodb", "sts", "sqs", "s3"]


def partitions():
    return botocore.loaders.Loader().load_data("partitions")


def regions(data):
    """(partition, region) of all that botocore knows, but for the global ones, which are none."""
    for partition in data["partitions"]:
        for region in partition["regions"]:
            if not region.endswith("-global"):
                yield partition["id"], region


def cases(data):
    for (partition, region), fips, dualstack in itertools.product(regions(data), (0, 1), (0, 1)):
        if dualstack and not data_of(data, partition)["supportsDualStack"]:
            continue  # an older table; later ones have them
        for service in SERVICES:
            buckets = BUCKETS + [POINT.format(partition=partition, region=region)]
            for bucket in buckets if service == "s3" else ["-"]:
                yield service, region, fips, dualstack, bucket


def data_of(data, name):
    return next(p["outputs"] for p in data["partitions"] if p["id"] == name)


def rules(service):
    return botocore.loaders.Loader().load_service_model(service, "endpoint-rule-set-1")


def theirs(resolver, service, region, fips, dualstack, bucket):
    parameters = {"Region": region, "UseFIPS": bool(fips), "UseDualStack": bool(dualstack)}
    if service == "s3":
        parameters |= {"Bucket": bucket, "Accelerate": False, "UseGlobalEndpoint": False,
                       "ForcePathStyle": False, "DisableMultiRegionAccessPoints": True,
                       "UseArnRegion": True}
    elif service == "sts":
        parameters |= {"UseGlobalEndpoint": False}
    try:
        endpoint = resolver.resolve_endpoint(**parameters)
    except botocore.exceptions.EndpointProviderError:
        return "refused"
    schemes = endpoint.properties.get("authSchemes", [{}])
    path_style = int(service == "s3" and endpoint.url.endswith("/" + bucket))
    origin = "/".join(endpoint.url.split("/")[:3])
    return f"{origin} {schemes[0].get('signingRegion', region)} {path_style}"


def test_every_region_and_kind_of_host_is_botocores():
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not built")
    data = partitions()
    resolvers = {service: provider.EndpointProvider(rules(service), data) for service in SERVICES}
    asked = list(cases(data))
    lines = "".join(" ".join(map(str, case)) + "\n" for case in asked)
    done = subprocess.run([TOOL], input=lines, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(asked) > 1000
    differing = []
    for case, ours in zip(asked, answers):
        if case[1].startswith("cn-") and case[2]:
            assert ours == "refused", case  # China has no FIPS hosts, whatever the rules make up
            continue
        expected = theirs(resolvers[case[0]], *case)
        if expected == "refused" and case[2] and ours.endswith(" 1"):
            continue  # older rules had no path style on FIPS hosts; later ones have
        if ours != expected:
            differing.append((case, ours, expected))
    assert not differing, json.dumps(differing[:5], indent=1)
