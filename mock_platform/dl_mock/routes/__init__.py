"""Every endpoint of the platform, one module per resource."""

from dl_mock.routes import (
    annotations,
    apps,
    collections,
    commands,
    datasets,
    executions,
    exports,
    features,
    identity,
    item_files,
    items,
    metrics,
    models,
    ontologies,
    projects,
)
from dl_mock.routing import Route

ROUTES: tuple[Route, ...] = (
    *identity.ROUTES,
    *projects.ROUTES,
    *datasets.ROUTES,
    *ontologies.ROUTES,
    *items.ROUTES,
    *item_files.ROUTES,
    *collections.ROUTES,
    *annotations.ROUTES,
    *models.ROUTES,
    *metrics.ROUTES,
    *features.ROUTES,
    *commands.ROUTES,
    *exports.ROUTES,
    *executions.ROUTES,
    *apps.ROUTES,
)
