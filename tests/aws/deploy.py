"""Deploys the project's own template on an emulator, with the functions' own binaries, and says where it is reached.

deploy.py ENDPOINT STACK TEMPLATE BINARIES [--set NAME=VALUE ...] [--rate "rate(1 minute)"]

The template is the one that people deploy; what is changed here is where its code lies, variables that only a trial needs
(`--set`: where the emulators and the stand-ins are), how often schedules tick (`--rate`), and how long a runner may take
(`--runner-timeout`, seconds): what is killed comes back after that.
"""

import argparse
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import zipfile

import boto3


def packed(binary: pathlib.Path) -> bytes:
    """The archive that Lambda takes: `bootstrap`, executable. Stripped, as what is deployed is."""
    with tempfile.TemporaryDirectory() as folder:
        bootstrap = pathlib.Path(folder) / "bootstrap"
        subprocess.run(["strip", "-o", bootstrap, binary], check=True)
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr, entry.create_system = 0o100755 << 16, 3
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
            made.writestr(entry, bootstrap.read_bytes())
        return archive.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("stack")
    parser.add_argument("template", type=pathlib.Path)
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--rate")
    parser.add_argument("--runner-timeout", type=int)
    asked = parser.parse_args()

    def client(service: str):
        return boto3.client(
            service,
            endpoint_url=asked.endpoint,
            region_name="us-east-1",
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
        )

    storage, formation = client("s3"), client("cloudformation")
    storage.create_bucket(Bucket="artifacts")
    template = asked.template.read_text()
    for name in sorted(set(re.findall(r"CodeUri: \.\./functions/(\S+)", template))):
        storage.put_object(Bucket="artifacts", Key=f"{name}.zip", Body=packed(asked.binaries / name))
    template = re.sub(r"CodeUri: \.\./functions/(\S+)", r"CodeUri: s3://artifacts/\1.zip", template)
    settings = dict(one.split("=", 1) for one in asked.set)
    for name in settings:
        # A variable that the template sets itself, with all the lines of its value.
        template = re.sub(rf"\n          {name}:.*(\n           +.*)*", "", template)
    variables = "".join(f"\n          {name}: {json.dumps(value)}" for name, value in settings.items())
    template = template.replace("        Variables:", "        Variables:" + variables)
    if asked.rate:
        template = re.sub(r"ScheduleExpression: rate\([^)]*\)", f"ScheduleExpression: {asked.rate}", template)
    if asked.runner_timeout:
        # A message is hidden a little longer than the function may take: whatever is killed comes back that soon.
        template = re.sub(r"VisibilityTimeout: \d+", f"VisibilityTimeout: {asked.runner_timeout + 1}", template)
        template = re.sub(r"(functions/workflow-runner\n|workflow-runner.zip\n)      Timeout: \d+", rf"\1      Timeout: {asked.runner_timeout}", template)
    storage.put_object(Bucket="artifacts", Key="template.yaml", Body=template.encode())
    formation.create_stack(
        StackName=asked.stack,
        TemplateURL=f"{asked.endpoint}/artifacts/template.yaml",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    for _ in range(120):
        stack = formation.describe_stacks(StackName=asked.stack)["Stacks"][0]
        if "IN_PROGRESS" not in stack["StackStatus"]:
            break
        time.sleep(0.25)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        for event in formation.describe_stack_events(StackName=asked.stack)["StackEvents"]:
            print(event.get("LogicalResourceId"), event["ResourceStatus"], event.get("ResourceStatusReason"), file=sys.stderr)
        sys.exit(1)
    said = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    said["ApiId"] = client("apigatewayv2").get_apis()["Items"][-1]["ApiId"]
    print(json.dumps(said))


main()
