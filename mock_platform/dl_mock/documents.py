"""How the platform completes a document: ids, dates, names and defaults.

Used by the routes that create something and by the scene loader, so both give the same documents. Fields given by
the caller are kept. Addresses (`url`, `stream`, ...) are not stored: `render` adds them when answering.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

BINARIES = "Binaries"  # SDK: repositories/datasets.py `_get_binaries_dataset` looks for this name


@dataclass(frozen=True)
class Author:
    """Who makes a document, and from where its id and dates come."""

    email: str
    new_id: Callable[[], str]
    now: Callable[[], str]

    def stamp(self) -> Document:
        """Fields of every new document."""
        now = self.now()
        return {
            "id": self.new_id(),
            "creator": self.email,
            "createdAt": now,
            "updatedAt": now,
            "updatedBy": self.email,
        }

    def touch(self) -> Document:
        """Fields that change with every update."""
        return {"updatedAt": self.now(), "updatedBy": self.email}


def fill(given: Mapping[str, Any], author: Author, **defaults: Any) -> Document:
    """`given`, with what is missing taken from the author's stamp and the defaults; so is what is null there."""
    if given.get("id"):  # do not use up an id
        author = Author(author.email, lambda: str(given["id"]), author.now)
    made = {**author.stamp(), **defaults}
    return {**made, **{key: value for key, value in given.items() if value is not None or key not in made}}


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> Document:
    """A deep merge: null removes a key, objects merge, anything else replaces.

    Former end-to-end tests (item description, metadata edits); SDK sends diffs of this form.
    """
    result = dict(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            old = result.get(key)
            result[key] = merge(old if isinstance(old, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def chosen(change: Mapping[str, Any], fields: Iterable[str], nullable: Iterable[str] = ()) -> Document:
    """The part of a change that a route takes: these fields, and null only where a field may have no value."""
    kept, empty = frozenset(fields), frozenset(nullable)
    return {key: value for key, value in change.items() if key in kept and (value is not None or key in empty)}


def without_system(change: Mapping[str, Any]) -> Document:
    """A change with edits of `metadata.system` left out: without `?system=true` they are silently dropped."""
    metadata = change.get("metadata")
    if not isinstance(metadata, Mapping) or "system" not in metadata:
        return dict(change)
    return {**change, "metadata": {key: value for key, value in metadata.items() if key != "system"}}


def project(given: Mapping[str, Any], author: Author) -> Document:
    """OpenAPI: APIProject."""
    return fill(
        given,
        author,
        name="Project",
        role="owner",
        isBlocked=False,
        featureConstraints=[],
        contributors=[member(author.email, "owner", author)],
        metadata={},
    )


def member(email: str, role: str, author: Author) -> Document:
    """OpenAPI: ClientContributor; somebody who works in a project. The id of a user is the address (assumed)."""
    name, _, domain = email.partition("@")
    now = author.now()
    return {
        "id": email,
        "email": email,
        "username": email,
        "firstName": name,
        "lastName": "",
        "domain": domain,
        "role": role,
        "type": "user",
        "membershipType": "user",
        "membershipEntityId": email,
        "createdAt": now,
        "updatedAt": now,
    }


def dataset(given: Mapping[str, Any], author: Author, project_id: str) -> Document:
    """OpenAPI: APIDataset; counters are computed when answering."""
    return fill(
        {**given, "projects": given.get("projects") or [project_id]},
        author,
        name="Dataset",
        metadata={"system": {"recipes": []}},
        readableType="private",
        accessLevel="private",
        driver="default",
        indexDriver="v1",
        readonly=False,
        isSyncing=False,
    )


def recipe(given: Mapping[str, Any], author: Author, project_id: str) -> Document:
    """OpenAPI: Recipe."""
    return fill(
        given,
        author,
        title="Default Recipe",
        projectIds=[project_id],
        ontologyIds=[],
        description="",
        instructions=[],
        examples=[],
        customActions=[],
        uiSettings={},
        metadata={"system": {}},
    )


def ontology(given: Mapping[str, Any], author: Author, project_id: str) -> Document:
    """OpenAPI: Ontology."""
    return fill(
        given,
        author,
        title="Default Ontology",
        projectIds=[project_id],
        roots=[],
        attributes=[],
        metadata={"attributes": [], "system": {"projectIds": given.get("projectIds") or [project_id]}},
    )


def label_root(tag: str) -> Document:
    """One label of an ontology; the colour follows from the name, so that it is the same on each run."""
    colour = f"#{hashlib.sha256(tag.encode()).hexdigest()[:6]}"
    value = {"tag": tag, "color": colour, "attributes": [], "displayLabel": tag, "displayData": {}}
    return {"value": value, "children": []}


def item(given: Mapping[str, Any], author: Author, dataset_id: str, project_id: str) -> Document:
    """OpenAPI: APIDatasetFileItem; `projectId` is not listed there but the SDK reads it."""
    return fill(
        {**given, **place(given["filename"])},
        author,
        datasetId=dataset_id,
        projectId=project_id,
        type="file",
        annotated=False,
        annotationsCount=0,
        metadata={"system": {}},
    )


def place(filename: str) -> Document:
    """Fields that follow from the full path of an item; below a name with a dot in front all is hidden."""
    path = "/" + filename.replace("\\", "/").strip("/")
    hidden = any(part.startswith(".") for part in path.split("/"))
    return {
        "filename": path,
        "name": posixpath.basename(path),
        "dir": posixpath.dirname(path),
        "hidden": hidden,
    }


def annotation(given: Mapping[str, Any], author: Author, owner: Mapping[str, Any]) -> Document:
    """OpenAPI: APIAnnotation; `label` may be null but must be there (SDK: entities/annotation.py from_json)."""
    document = fill(
        {**given, "itemId": owner["id"], "datasetId": owner["datasetId"]},
        author,
        type="class",
        source="sdk",
        metadata={},
        labelSuggestions={},
    )
    document.setdefault("label", None)
    document.setdefault("attributes", [])
    document.setdefault("hash", hashlib.sha1(document["id"].encode(), usedforsecurity=False).hexdigest())
    document["metadata"] = {**document["metadata"], "system": document["metadata"].get("system") or {}}
    return document


def model(given: Mapping[str, Any], author: Author, project_id: str) -> Document:
    """OpenAPI: APIModel; the project is told in `context`."""
    status = given.get("status") or "created"
    context = {"project": project_id, "creator": author.email, **(given.get("context") or {})}
    document = fill(
        {key: value for key, value in given.items() if key not in ("projectId", "context")},
        author,
        name="model",
        description="My model",
        version="1.0.0",
        scope="project",
        status=status,
        tags=[],
        labels=[],
        configuration={},
        inputType="image",
        outputType="box",
        artifacts=[],
        metadata={"system": {}},
        context=context,
        statusLogs=[],
    )
    document["metadata"] = {**document["metadata"], "system": document["metadata"].get("system") or {}}
    if not document["statusLogs"]:
        document["statusLogs"] = [{"status": status, "timestamp": document["createdAt"]}]
    return document


def with_status(document: Mapping[str, Any], status: str, author: Author, message: str | None = None) -> Document:
    """The model in another state, with a line in its log."""
    if document["status"] == status:
        return dict(document)
    entry = {"status": status, "timestamp": author.now(), **({"message": message} if message else {})}
    return {**document, "status": status, "statusLogs": [*document["statusLogs"], entry]}


def feature_set(given: Mapping[str, Any], author: Author, project_id: str) -> Document:
    """OpenAPI: APIFeatureSet."""
    return fill(given, author, name="features", project=project_id, type="emb", entityType="item", size=0)


def feature_vector(given: Mapping[str, Any], author: Author, project_id: str) -> Document:
    """OpenAPI: APIFeatureVector."""
    return fill(given, author, project=project_id, version="1.0.0", value=[])


def metric(given: Mapping[str, Any], author: Author) -> Document:
    """OpenAPI: one published sample of a figure."""
    return fill(given, author, figure="figure", legend="", data={"x": 0, "y": 0})


def command(kind: str, spec: Mapping[str, Any], author: Author) -> Document:
    """OpenAPI: APICommand, of work that was done before the answer; `carried_out` is for work that may take time."""
    return fill({}, author, type=kind, status="success", progress=100, spec=dict(spec), error=None)


def execution(given: Mapping[str, Any], author: Author) -> Document:
    """OpenAPI: Execution. One whose status is not told is new."""
    given = {key: value for key, value in given.items() if value is not None}
    document = fill(given, author, input={}, attempts=0, maxAttempts=3, toTerminate=False, duration=0)
    if not document.get("latestStatus"):
        report = {"timestamp": author.now(), "status": "created", "percentComplete": 0, "message": ""}
        document["latestStatus"] = report
    document["status"] = document.get("status") or [document["latestStatus"]]
    document["statusLog"] = document.get("statusLog") or document["status"]
    document.setdefault("packageRevision", "1.0.0")
    document.setdefault("serviceVersion", "1.0.0")
    return {key: value for key, value in document.items() if key != "updatedBy"}


def with_report(document: Mapping[str, Any], report: Mapping[str, Any], author: Author) -> Document:
    """An execution with another line in its status log, which keeps of the last one what it does not tell."""
    report = {key: value for key, value in report.items() if value is not None}
    last = {key: value for key, value in document["latestStatus"].items() if key in ("status", "percentComplete")}
    line = {"percentComplete": 0, "message": "", **last, **report, "timestamp": author.now()}
    log = [*document["status"], line]
    output = {"output": report["output"]} if "output" in report else {}
    return {**document, **output, "updatedAt": author.now(), "latestStatus": line, "status": log, "statusLog": log}


def service(given: Mapping[str, Any], author: Author, project_id: str) -> Document:
    """OpenAPI: APIService."""
    return fill(
        {key: value for key, value in given.items() if value is not None},
        author,
        name="service",
        projectId=project_id,
        packageId=None,
        packageRevision="1.0.0",
        version="1.0.0",
        versions={"dtlpy": "1.0.0"},
        initParams={},
        runtime={"podType": "regular-s", "numReplicas": 1, "concurrency": 10, "autoscaler": None},
        useUserJwt=False,
        botUserName=author.email,
        moduleName="default_module",
        runExecutionAsProcess=False,
        executionTimeout=3600,
        drainTime=600,
        onReset="failed",
        driverId="default",
        maxAttempts=3,
        active=True,
        type="regular",
        mode={"type": "regular"},
        metadata={},
        secrets=[],
        settings={},
    )


def log_line(given: Mapping[str, Any], author: Author) -> Document:
    """OpenAPI: ServiceLogEntry, with what it is found by."""
    return {"id": author.new_id(), "timestamp": author.now(), "level": "INFO", "message": "", **given}


def package(given: Mapping[str, Any], author: Author, project_id: str) -> Document:
    """OpenAPI: APIPackage; the states before the present one are kept with it."""
    return fill(
        given,
        author,
        projectId=project_id,
        version="1.0.0",
        type="faas",
        modules=[],
        slots=[],
        uiHooks=[],
        serviceConfig={},
        metadata={},
        revisions=[],
        **{"global": False},
    )


def dpk(given: Mapping[str, Any], author: Author) -> Document:
    """OpenAPI: a dpk; its versions share the id of the first."""
    document = fill(given, author, name="dpk", version="1.0.0", scope="project", components={})
    document.setdefault("baseId", document["id"])
    return document


def labels_of(annotations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Labels in order of first use."""
    return list(dict.fromkeys(found["label"] for found in annotations if found.get("label")))
