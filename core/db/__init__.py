"""The control database: models, migrations, outbox."""
