"""Manifest: every name in `dataloop.json` names something, and every type is one of the platform's."""

from __future__ import annotations

from dl_harness.contract import contract
from dl_harness.contracts.noticed import looked_for, noticed

contract(
    "MAN-001",
    "manifest",
    "every computeConfig names an entry of components.computeConfigs",
    why="The service is created with the configuration of that name; one that does not exist makes the installation or"
    " the deployment fail.",
    fix="Use the name of an entry of components.computeConfigs, or add one of this name.",
    severity_reason="The platform refuses the installation or the deployment.",
    applies=looked_for("compute configuration"),
)(noticed("compute configuration"))

contract(
    "MAN-002",
    "manifest",
    "every declared function is a method of the class or its bases",
    why="The runner looks the function up by name when an execution arrives; each of them fails with an"
    " AttributeError.",
    fix="Correct the name in the module's functions, or write the method.",
    severity_reason="Every execution of the function crashes.",
    applies=looked_for("declared function"),
)(noticed("declared function"))

contract(
    "MAN-003",
    "manifest",
    "the inputs of a declared function are the parameters of the method",
    why="The runner passes inputs by name: one that the method does not have, or a parameter that nothing is declared"
    " for, makes every execution fail with a TypeError.",
    fix="Name the inputs like the parameters, and give a default to parameters that are no input.",
    severity_reason="Every execution of the function crashes.",
    applies=looked_for("function input"),
)(noticed("function input"))

contract(
    "MAN-004",
    "manifest",
    "inputs and outputs of functions have types of the platform",
    why="A type outside of the published list (SDK: PackageInputType) is refused when the app is published; several"
    " values are the singular with brackets: Annotation[].",
    fix="Use one of the published types, with [] for a list.",
    severity_reason="The platform refuses the app.",
    applies=looked_for("function type"),
)(noticed("function type"))

contract(
    "MAN-005",
    "manifest",
    "every outputType is an annotation type of the platform, or embedding",
    why="The type is checked when the app is installed, which fails (424) for any other word.",
    fix="Use the platform's word: class, box, segment (polygons), binary (masks), text, embedding, ...",
    severity_reason="The platform refuses the installation.",
    applies=looked_for("output type"),
)(noticed("output type"))

contract(
    "MAN-006",
    "manifest",
    "every inputType is one of the platform's",
    why="The platform offers a model only for items of its input type, and knows image, video, text and audio.",
    fix="Use one of these words, or leave inputType out.",
    severity="warning",
    severity_reason="The model is created; it is only not offered for its items.",
    applies=looked_for("input type"),
)(noticed("input type"))

contract(
    "MAN-007",
    "manifest",
    "every status of a model is one of the platform's",
    why="The model is created with this status; any other word is refused.",
    fix='Use "pre-trained" for a model that comes with weights, "created" for one that does not.',
    severity_reason="The platform refuses the model.",
    applies=looked_for("model status"),
)(noticed("model status"))

contract(
    "MAN-008",
    "manifest",
    "names are unique: modules, models, functions, compute configurations, keys of an object",
    why="Components refer to each other by name, so the second entry of a name hides the first or is hidden by it; of"
    " two equal keys in one object only the last counts.",
    fix="Rename or remove the one that was copied.",
    severity_reason="A component is lost: of two with one name only one is installed.",
    applies=looked_for("duplicate name"),
)(noticed("duplicate name"))

contract(
    "MAN-009",
    "manifest",
    "every query in annotationsSubsets has a list filter.$and",
    why="prepare_data appends a condition to filter.$and of the query; where that is missing, training ends in a"
    " KeyError before the first download.",
    fix='Write {"filter": {"$and": [...]}}, or leave the subset out.',
    severity_reason="Training crashes before the first download.",
    applies=looked_for("annotation subset"),
)(noticed("annotation subset"))

contract(
    "MAN-010",
    "manifest",
    "labels are strings and ids of label maps are whole numbers",
    why="The SDK casts the keys of id_to_label_map to int, a ValueError when an adapter first asks for the map.",
    fix='Write labels as a list of strings and maps as {"0": "first", "1": "second"}.',
    severity_reason="The adapter crashes when it asks for the map.",
    applies=looked_for("label id"),
)(noticed("label id"))

contract(
    "MAN-011",
    "manifest",
    "labels and label maps of a model agree",
    why="The class index that the model gives is translated by the map, and the recipe has the labels: an index without"
    " a label fails or predicts a label that the project does not have.",
    fix="Give every label one id and every id one label.",
    severity="warning",
    severity_reason="Only the labels that do not agree are affected.",
    applies=looked_for("label map"),
)(noticed("label map"))

contract(
    "MAN-012",
    "manifest",
    "a model's outputType is a type of annotation that the adapter makes",
    why="Training downloads annotations of the outputType and evaluation compares annotations of it: with another type"
    " than the adapter makes, both find none.",
    fix="Set outputType to the type that predict returns.",
    severity_reason="Training and evaluation find no annotations to work with.",
    applies=looked_for("other output"),
)(noticed("other output"))

contract(
    "MAN-013",
    "manifest",
    "the weights file that load opens is among the model's artifacts",
    why="Artifacts are downloaded under their own names; load looks for another one and the service never starts.",
    fix="Let the key in the configuration and the artifact's file have the same name.",
    severity_reason="The service crashes at its start: nothing runs.",
    applies=looked_for("weights file"),
)(noticed("weights file"))

contract(
    "MAN-014",
    "manifest",
    "paths of artifacts are below the codebase and written with /",
    why="An absolute path or one with backslashes exists only on the machine of its author.",
    fix="Write the path relative to the codebase's root, with /.",
    severity_reason="The platform refuses the artifact.",
    applies=looked_for("manifest path"),
)(noticed("manifest path"))

contract(
    "MAN-015",
    "manifest",
    "every manifest of a repository has a name of its own",
    why="Apps are published by name: the second manifest becomes a new version of the first one's app, with other"
    " models in it.",
    fix="Rename the one that was copied.",
    severity="warning",
    severity_reason="It is harmless as long as only one of the two is published.",
    applies=looked_for("copied manifest"),
)(noticed("copied manifest"))
