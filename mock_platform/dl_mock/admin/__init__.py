"""The platform's own surface, below `/_mock`: what a test or a person does to the mock itself, and pages to look at."""
