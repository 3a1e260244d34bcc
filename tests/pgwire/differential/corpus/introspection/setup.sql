\ir ../../../clients/objects.sql
