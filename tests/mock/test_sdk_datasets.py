"""Datasets, recipes, ontologies and their copies, as the SDK sees them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sdk_session import file, fresh, names, upload

pytestmark = pytest.mark.usefixtures("inside")


def again(dataset: Any) -> Any:
    """A dataset as the platform has it."""
    return dataset.project.datasets.get(dataset_id=dataset.id)


def labels_of(dataset: Any) -> dict[str, Any]:
    return dict(again(dataset).labels_flat_dict)


def box(dl: Any, label: str = "cat") -> Any:
    return dl.Annotation.new(annotation_definition=dl.Box(1, 1, 5, 5, label))


# Datasets


def test_a_dataset_is_made_with_what_is_given(dl: Any, project: Any) -> None:
    label = dl.Label(tag="cat", color=(1, 2, 3))
    made = fresh(project, labels=[label], attributes=["big"], expiration_options=dl.ExpirationOptions(item_max_days=3))

    dataset = again(made)
    assert labels_of(dataset)["cat"].rgb == (1, 2, 3)
    assert dataset._get_ontology().attributes == ["big"]
    assert dataset.expiration_options.item_max_days == 3
    assert fresh(project, recipe_id=dataset.get_recipe_ids()[0]).get_recipe_ids() == dataset.get_recipe_ids()
    assert fresh(project, ontology_ids=dataset.ontology_ids).ontology_ids == dataset.ontology_ids


def test_the_name_of_a_dataset_is_given_once_in_a_project(dl: Any, project: Any) -> None:
    first, second = fresh(project), fresh(project)
    second.name = first.name

    for call in (lambda: project.datasets.create(first.name), second.update, lambda: first.clone(first.name)):
        with pytest.raises(dl.exceptions.BadRequest, match="exists in this project"):
            call()
    assert dl.projects.create("for another dataset").datasets.create(first.name).name == first.name


def test_datasets_are_listed_without_the_binaries(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    filters = dl.Filters(resource=dl.FiltersResource.DATASET, field="name", values=f"{dataset.name[:-1]}*")

    assert "Binaries" not in [one.name for one in project.datasets.list()]
    assert dataset.id in [one.id for one in project.datasets.list(filters=filters)]
    assert [one.id for one in project.datasets.list(name=dataset.name)] == [dataset.id]
    assert project.datasets.list(creator="nobody") == []


def test_system_metadata_of_a_dataset_needs_the_flag(project: Any) -> None:
    dataset = fresh(project)
    dataset.metadata["system"]["mine"] = 1
    dataset.metadata["own"] = {"key": "value"}

    dataset.update()
    assert "mine" not in again(dataset).metadata["system"]
    assert again(dataset).metadata["own"] == {"key": "value"}
    dataset.update(system_metadata=True)
    assert again(dataset).metadata["system"]["mine"] == 1


def test_a_dataset_is_deleted_when_asked_twice(dl: Any, project: Any) -> None:
    dataset = fresh(project)

    with pytest.raises(dl.exceptions.Forbidden):
        dataset.delete()
    assert dataset.delete(sure=True, really=True)
    for missing in ({"dataset_id": dataset.id}, {"dataset_name": dataset.name}, {"dataset_id": "some_id"}):
        with pytest.raises(dl.exceptions.NotFound):
            project.datasets.get(**missing)


def test_the_directory_tree_has_directories_in_directories(project: Any) -> None:
    dataset = fresh(project)
    dataset.items.make_dir(directory="/a/b")
    upload(dataset, remote_path="/c")

    assert sorted(again(dataset).directory_tree.dir_names) == ["/", "/a", "/a/b", "/c"]


def test_the_schema_names_the_paths_that_items_have(project: Any) -> None:
    dataset = fresh(project)
    upload(dataset, item_metadata={"user": {"age": 3}})

    assert dataset.schema.get()["items"]["metadata.user.age"] == {"type": "a number"}
    assert dataset.schema.unsearchable_paths.add(paths=["metadata.user.age"])
    assert "metadata.user.age" not in dataset.schema.get()["items"]
    assert dataset.schema.unsearchable_paths.remove(paths=["metadata.user.age"])
    assert "metadata.user.age" in dataset.schema.get()["items"]


# Copies


def test_a_clone_has_what_it_is_asked_for(dl: Any, project: Any) -> None:
    source = fresh(project)
    item = upload(source, "a.png", remote_path="/x", item_metadata={"user": {"key": 1}})
    item.annotations.upload(box(dl))

    full = source.clone("a full clone")
    bare = source.clone("a bare clone", with_items_annotations=False, with_metadata=False)
    target = fresh(project)
    source.clone(dst_dataset_id=target.id, target_directory="inner")

    (copy,), (stripped,) = full.items.list().items, bare.items.list().items
    assert (copy.filename, copy.metadata["user"], copy.annotations_count) == ("/x/a.png", {"key": 1}, 1)
    assert copy.to_json()["srcItem"] == item.id
    assert full.src_dataset == source.id
    assert (stripped.width, stripped.annotations_count, "user" in stripped.metadata) == (32, 0, False)
    assert names(target.items.list().items) == ["/inner/x/a.png"]


def test_a_merge_joins_clones_and_keeps_others_apart(dl: Any, project: Any) -> None:
    first, other = fresh(project), fresh(project)
    upload(first, "a.png").annotations.upload(box(dl))
    clone = first.clone("a clone to merge")
    upload(other, "a.png")
    upload(other, "b.png")

    assert project.datasets.merge("merged", [first.id, clone.id, other.id], [project.id])

    merged = project.datasets.get(dataset_name="merged")
    found = {item.filename: item.annotations_count for item in merged.items.list().items}
    assert found == {"/a.png": 2, "/a-1.png": 0, "/b.png": 0}


def test_a_synchronisation_is_a_command(project: Any) -> None:
    dataset = fresh(project)

    assert dataset.sync()
    assert dataset.sync(wait=False).wait().spec == {"datasetId": dataset.id}


# Labels and attributes


def test_labels_are_added_with_their_parents_and_children(dl: Any, project: Any) -> None:
    dataset = fresh(project)

    dataset.add_label("cat", color=(1, 2, 3))
    dataset.add_labels(["dog", "cow"])
    ontology = again(dataset)._get_ontology()
    ontology.add_labels([dl.Label(tag="car.wheel.tyre", color=(4, 5, 6))], update_ontology=True)

    assert set(labels_of(dataset)) == {"cat", "dog", "cow", "car", "car.wheel", "car.wheel.tyre"}
    assert labels_of(dataset)["car.wheel.tyre"].rgb == (4, 5, 6)


def test_a_label_is_changed_or_made_where_it_may(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    dataset.add_label("cat", color="#000001", display_label="Cat")
    ontology = again(dataset)._get_ontology()

    ontology.update_label("cat", color="#000002", update_ontology=True)
    assert (labels_of(dataset)["cat"].hex, labels_of(dataset)["cat"].display_label) == ("#000002", "Cat")
    with pytest.raises(dl.exceptions.BadRequest, match="'dog' does not exist"):
        ontology.update_label("dog", color="#000003", update_ontology=True)
    ontology.update_label("dog", color="#000003", upsert=True, update_ontology=True)
    assert labels_of(dataset)["dog"].hex == "#000003"


def test_labels_are_deleted_by_their_paths(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    dataset._get_ontology().add_labels(["a.b.c", "d"], update_ontology=True)
    dataset = again(dataset)

    dataset.delete_labels(label_names=["a.b.c", "d"])

    assert list(labels_of(dataset)) == ["a", "a.b"]


def test_the_picture_of_a_label_is_an_item(project: Any, inside: Path) -> None:
    dataset = fresh(project)
    (inside / "icon.png").write_bytes(file("icon.png").read())

    dataset.add_label("cat", icon_path=str(inside / "icon.png"))

    shown = again(dataset).labels[0].display_data["displayImage"]
    assert project.datasets._get_binaries_dataset().items.get(item_id=shown["itemId"]).width == 32


def test_attributes_are_kept_by_key(dl: Any, project: Any) -> None:
    ontology = fresh(project)._get_ontology()
    kinds = {
        "1": (dl.AttributesTypes.CHECKBOX, {"values": ["a", "b"]}),
        "2": (dl.AttributesTypes.RADIO_BUTTON, {"values": ["x"]}),
        "3": (dl.AttributesTypes.SLIDER, {"attribute_range": dl.AttributesRange(0, 10, 1)}),
        "4": (dl.AttributesTypes.YES_NO, {}),
        "5": (dl.AttributesTypes.FREE_TEXT, {"optional": True, "scope": ["cat"]}),
    }
    for key, (kind, more) in kinds.items():
        assert ontology.update_attributes(title=f"attribute {key}", key=key, attribute_type=kind, **more)
    ontology.update_attributes(title="renamed", key="1", attribute_type=dl.AttributesTypes.CHECKBOX, values=["a"])

    found = {one["key"]: one for one in project.ontologies.get(ontology_id=ontology.id).attributes}
    types = {key: one["type"] for key, one in found.items()}
    assert types == {"1": "options", "2": "options", "3": "range", "4": "boolean", "5": "freeText"}
    assert [found[key].get("multi") for key in "123"] == [True, False, None]
    assert (found["1"]["title"], found["1"]["values"], found["1"]["scope"]) == ("renamed", ["a"], ["*"])
    assert (found["3"]["range"], found["5"]["scope"]) == ({"min": 0, "max": 10, "step": 1}, ["cat"])

    ontology.delete_attributes(keys=["1", "2"])
    ontology.update()  # with the attributes it was read with: none
    kept = project.ontologies.get(ontology_id=ontology.id)
    assert [one["key"] for one in kept.attributes] == ["3", "4", "5"]

    other = project.ontologies.create(labels=[{"tag": "old"}])
    other.copy_from(kept.to_json())
    assert len(project.ontologies.get(ontology_id=other.id).attributes) == 3


# Recipes and ontologies


def test_a_dataset_takes_the_recipe_that_is_made_for_it(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    recipe = dataset.recipes.create(recipe_name="mine", labels=[dl.Label(tag="cat", color=(1, 2, 3))], attributes=["q"])

    assert [one.title for one in again(dataset).recipes.list()] == ["mine"]
    assert [(one.labels[0].tag, one.attributes) for one in recipe.ontologies.list()] == [("cat", ["q"])]
    filters = dl.Filters(resource=dl.FiltersResource.RECIPE, field="title", values="mine")
    assert [one.id for one in project.recipes.list(filters=filters).items] == [recipe.id]
    ontology = project.ontologies.get(ontology_id=recipe.ontology_ids[0])
    assert ontology.recipe.id == recipe.id


def test_a_clone_of_a_recipe_shares_ontologies_if_it_is_shallow(project: Any) -> None:
    dataset = fresh(project)
    dataset.add_label("cat")
    recipe = dataset.recipes.list()[0]

    deep, shallow = recipe.clone(), recipe.clone(shallow=True)

    assert shallow.ontology_ids == recipe.ontology_ids
    assert deep.ontology_ids != recipe.ontology_ids
    assert [label.tag for label in deep.ontologies.list()[0].labels] == ["cat"]


def test_a_recipe_is_changed_and_deleted(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    recipe = dataset.recipes.list()[0]
    recipe.title, recipe.metadata["system"]["mine"] = "other", 1

    recipe.update()
    assert (dataset.recipes.get(recipe_id=recipe.id).title, again(dataset).recipes.list()[0].metadata["system"]) == (
        "other",
        {},
    )
    recipe.update(system_metadata=True)
    assert dataset.recipes.get(recipe_id=recipe.id).metadata["system"] == {"mine": 1}
    assert recipe.delete(force=True)
    with pytest.raises(dl.exceptions.NotFound):
        dataset.recipes.get(recipe_id=recipe.id)
    assert again(dataset).get_recipe_ids() == []


def test_an_ontology_is_changed_and_deleted(dl: Any, project: Any) -> None:
    ontology = project.ontologies.create(labels={"cat": "#112233"}, title="mine", attributes=["a"])
    ontology.title = "other"
    ontology.update()

    found = project.ontologies.get(ontology_id=ontology.id)
    assert (found.title, found.attributes, found.labels[0].hex, found.project.id) == (
        *("other", ["a"], "#112233"),
        project.id,
    )
    assert ontology.delete()
    with pytest.raises(dl.exceptions.NotFound):
        project.ontologies.get(ontology_id=ontology.id)
    for call in (project.ontologies.get, project.ontologies.delete):
        with pytest.raises(dl.exceptions.BadRequest):
            call(ontology_id="some_id")
    with pytest.raises(dl.exceptions.Forbidden):
        project.ontologies.create(labels=[], project_ids=["65aa000000000000000000ff"])


# Subsets and collections


def test_items_are_split_into_subsets(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    for index in range(10):
        dataset.items.upload(local_path=file(f"{index}.png"))

    assert dataset.split_ml_subsets(percentages={"train": 60, "validation": 20, "test": 20})
    counts = Counter(item.get_current_subset() for item in dataset.items.list().all())
    assert counts == {"train": 6, "validation": 2, "test": 2}

    one = dl.Filters(field="filename", values="/0.png")
    dataset.assign_subset_to_items(subset="test", items_query=one)
    assert dataset.items.get(filepath="/0.png").metadata["system"]["tags"] == {"test": True}
    dataset.remove_subset_from_items(items_query=one)
    assert dataset.get_items_missing_ml_subset() == [dataset.items.get(filepath="/0.png").id]


def test_collections_mark_items(dl: Any, project: Any) -> None:
    dataset = fresh(project)
    item, other = upload(dataset, "a.png"), upload(dataset, "b.png")
    dataset.collections.create(name="one")
    item.assign_collection(["one"])

    assert dataset.items.get(item_id=item.id).list_collections() == [{"key": "c0", "name": "one"}]
    assert dataset.collections.list_unassigned_items() == [other.id]
    assert dataset.collections.clone(collection_name="one").name == "one-clone-1"
    dataset.collections.update(collection_name="one", new_name="uno")
    dataset.collections.delete(collection_name="uno")
    assert dataset.items.get(item_id=item.id).list_collections() == [{"key": "c1", "name": "one-clone-1"}]
    for index in range(9):
        dataset.collections.create(name=f"another {index}")
    with pytest.raises(ValueError, match="maximum"):
        dataset.collections.create(name="one more")
