"""A project of Django with one application, the admin and the other contributed applications."""
