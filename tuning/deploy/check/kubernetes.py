"""Validates each document of a manifest against the schemas of Kubernetes: kubernetes.py MANIFEST.yaml"""

import sys

import kubernetes_validate
import yaml

# The release from which a pre-stop may sleep without a program for it.
VERSION = "1.32"

with open(sys.argv[1], encoding="utf-8") as file:
    documents = list(yaml.safe_load_all(file))
for document in documents:
    kubernetes_validate.validate(document, VERSION, strict=True)
    print(f"{document['kind']} {document['metadata']['name']}: valid for Kubernetes {VERSION}")
