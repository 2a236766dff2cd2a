// The catalog's files as they are in data/, compiled in.

#ifndef BERTH_CATALOG_DATA_H
#define BERTH_CATALOG_DATA_H

/// A file of the catalog.
struct berth_catalog_file {
  /// Its path below data/, as faults tell it.
  const char *name;
  /// YAML in UTF-8; no NUL follows it.
  const unsigned char *bytes;
  unsigned long length;
};

/// All files: providers first, then runtimes, then servers.
const struct berth_catalog_file *berth_catalog_table(void);
extern const unsigned long berth_catalog_file_count;

#endif
