"""Validates OCSF records: `ocsf_validate.py CLASSES RECORDS` prints, for each line, what is wrong with it."""

import json
import sys

from jsonschema import Draft202012Validator

classes, records = sys.argv[1:]
with open(classes, encoding="utf-8") as file:
    schemas = {}
    for uid, path in json.load(file).items():
        with open(path, encoding="utf-8") as schema:
            schemas[int(uid)] = Draft202012Validator(json.load(schema))
found = []
with open(records, encoding="utf-8") as lines:
    for line in lines:
        record = json.loads(line)
        found.append([error.message for error in schemas[record["class_uid"]].iter_errors(record)])
print(json.dumps(found))
