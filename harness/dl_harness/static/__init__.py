"""The static pass: read an adapter's source and manifest without importing the adapter, its framework or the SDK."""
