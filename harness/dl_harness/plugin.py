"""The pytest plugin: options and collection; everything heavy is imported where it is used."""
