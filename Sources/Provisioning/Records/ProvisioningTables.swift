import GRDB
package import Storage

/// The tables of projects, resources, instances and connections: each row is the protocol's own structure, with what it
/// is searched by beside it. What was deleted stays, marked as such.
package enum ProvisioningTables {
  package static let migrations = [
    Migration("provisioning.create") { db in
      try db.execute(
        sql: """
          CREATE TABLE projects (
            id TEXT PRIMARY KEY NOT NULL,
            slug TEXT NOT NULL,
            name TEXT NOT NULL COLLATE NOCASE,
            deleted INTEGER NOT NULL,
            project TEXT NOT NULL
          ) WITHOUT ROWID;
          CREATE UNIQUE INDEX projects_slug ON projects (slug) WHERE NOT deleted;
          CREATE TABLE environments (
            id TEXT PRIMARY KEY NOT NULL,
            project TEXT NOT NULL,
            slug TEXT NOT NULL,
            name TEXT NOT NULL COLLATE NOCASE,
            is_default INTEGER NOT NULL,
            deleted INTEGER NOT NULL,
            environment TEXT NOT NULL
          ) WITHOUT ROWID;
          CREATE UNIQUE INDEX environments_slug ON environments (project, slug) WHERE NOT deleted;
          CREATE TABLE resources (
            id TEXT PRIMARY KEY NOT NULL,
            type TEXT NOT NULL,
            project TEXT NOT NULL,
            environment TEXT NOT NULL,
            name TEXT NOT NULL COLLATE NOCASE,
            status TEXT NOT NULL,
            deleted INTEGER NOT NULL,
            resource TEXT NOT NULL,
            instance TEXT
          ) WITHOUT ROWID;
          CREATE UNIQUE INDEX resources_name ON resources (environment, name) WHERE NOT deleted;
          CREATE INDEX resources_order ON resources (name, id);
          CREATE TABLE instance_secrets (
            instance TEXT NOT NULL,
            name TEXT NOT NULL,
            sealed BLOB NOT NULL,
            PRIMARY KEY (instance, name)
          ) WITHOUT ROWID;
          CREATE TABLE connections (
            id TEXT PRIMARY KEY NOT NULL,
            source TEXT NOT NULL,
            target TEXT NOT NULL,
            status TEXT NOT NULL,
            activity TEXT,
            connection TEXT NOT NULL,
            work TEXT NOT NULL
          ) WITHOUT ROWID;
          CREATE INDEX connections_source ON connections (source, status);
          CREATE INDEX connections_target ON connections (target, status);
          CREATE UNIQUE INDEX connections_pair ON connections (source, target) WHERE status <> 'disconnected';
          CREATE TABLE catalog_rows (
            kind TEXT NOT NULL,
            id TEXT NOT NULL,
            position INTEGER NOT NULL,
            row TEXT NOT NULL,
            PRIMARY KEY (kind, id)
          ) WITHOUT ROWID;
          """)
    }
  ]
}
