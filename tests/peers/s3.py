"""A local S3 server (moto) and what a test does to it: s3.py serve | create ENDPOINT BUCKET | delete … | keys … | uploads … | download …"""
import os, sys

what = sys.argv[1]

if what == "serve":
    import threading
    from moto.server import ThreadedMotoServer
    os.environ.setdefault("INITIAL_NO_AUTH_ACTION_COUNT", "1000000")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    threading.Event().wait()

import boto3
from botocore.config import Config

endpoint, rest = sys.argv[2], sys.argv[3:]
s3 = boto3.client(
    "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
    config=Config(retries={"max_attempts": 1}))


def keys(bucket):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (one["Key"] for one in page.get("Contents", []))


if what == "create":
    s3.create_bucket(Bucket=rest[0])
elif what == "delete":
    for key in keys(rest[0]):
        s3.delete_object(Bucket=rest[0], Key=key)
    s3.delete_bucket(Bucket=rest[0])
elif what == "keys":
    print("\n".join(keys(rest[0])))
elif what == "uploads":
    print(len(s3.list_multipart_uploads(Bucket=rest[0]).get("Uploads", [])))
elif what == "download":
    bucket, prefix, folder = rest
    for key in keys(bucket):
        path = os.path.join(folder, key.removeprefix(prefix))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        s3.download_file(bucket, key, path)
elif what == "upload":
    bucket, prefix, folder = rest
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            s3.upload_file(path, bucket, prefix + os.path.relpath(path, folder))
elif what == "authenticate":
    import urllib.request
    urllib.request.urlopen(urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST"))
else:
    sys.exit(f"what is {what}?")
