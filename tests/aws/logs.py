"""Prints what the functions of an emulator have logged. logs.py ENDPOINT"""

import sys

import boto3

logs = boto3.client(
    "logs",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="000000000000",
    aws_secret_access_key="test",
)
for group in logs.describe_log_groups()["logGroups"]:
    name = group["logGroupName"]
    for stream in logs.describe_log_streams(logGroupName=name)["logStreams"]:
        events = logs.get_log_events(logGroupName=name, logStreamName=stream["logStreamName"])["events"]
        for event in events:
            print(name.rsplit("/", 1)[-1], event["message"].rstrip())
