#include "CatalogData.h"

// C23's #embed, which clang has in every mode.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char providers_records[] = {
#embed "data/providers/records.yaml"
};
static const unsigned char providers_apk[] = {
#embed "data/providers/apk.yaml"
};
static const unsigned char providers_apt[] = {
#embed "data/providers/apt.yaml"
};
static const unsigned char providers_brew[] = {
#embed "data/providers/brew.yaml"
};
static const unsigned char providers_builtin[] = {
#embed "data/providers/builtin.yaml"
};
static const unsigned char providers_cargo[] = {
#embed "data/providers/cargo.yaml"
};
static const unsigned char providers_changes[] = {
#embed "data/providers/changes.yaml"
};
static const unsigned char providers_cpan[] = {
#embed "data/providers/cpan.yaml"
};
static const unsigned char providers_dnf[] = {
#embed "data/providers/dnf.yaml"
};
static const unsigned char providers_gem[] = {
#embed "data/providers/gem.yaml"
};
static const unsigned char providers_hex[] = {
#embed "data/providers/hex.yaml"
};
static const unsigned char providers_maven[] = {
#embed "data/providers/maven.yaml"
};
static const unsigned char providers_mise[] = {
#embed "data/providers/mise.yaml"
};
static const unsigned char providers_npm[] = {
#embed "data/providers/npm.yaml"
};
static const unsigned char providers_own[] = {
#embed "data/providers/own.yaml"
};
static const unsigned char providers_packages[] = {
#embed "data/providers/packages.yaml"
};
static const unsigned char providers_pacman[] = {
#embed "data/providers/pacman.yaml"
};
static const unsigned char providers_venv[] = {
#embed "data/providers/venv.yaml"
};
static const unsigned char runtimes_bun[] = {
#embed "data/runtimes/bun.yaml"
};
static const unsigned char runtimes_deno[] = {
#embed "data/runtimes/deno.yaml"
};
static const unsigned char runtimes_dotnet[] = {
#embed "data/runtimes/dotnet.yaml"
};
static const unsigned char runtimes_elixir[] = {
#embed "data/runtimes/elixir.yaml"
};
static const unsigned char runtimes_go[] = {
#embed "data/runtimes/go.yaml"
};
static const unsigned char runtimes_java[] = {
#embed "data/runtimes/java.yaml"
};
static const unsigned char runtimes_node[] = {
#embed "data/runtimes/node.yaml"
};
static const unsigned char runtimes_perl[] = {
#embed "data/runtimes/perl.yaml"
};
static const unsigned char runtimes_php[] = {
#embed "data/runtimes/php.yaml"
};
static const unsigned char runtimes_python[] = {
#embed "data/runtimes/python.yaml"
};
static const unsigned char runtimes_ruby[] = {
#embed "data/runtimes/ruby.yaml"
};
static const unsigned char runtimes_rust[] = {
#embed "data/runtimes/rust.yaml"
};
static const unsigned char servers_dotnet[] = {
#embed "data/servers/dotnet.yaml"
};
static const unsigned char servers_elixir[] = {
#embed "data/servers/elixir.yaml"
};
static const unsigned char servers_go[] = {
#embed "data/servers/go.yaml"
};
static const unsigned char servers_java[] = {
#embed "data/servers/java.yaml"
};
static const unsigned char servers_javascript[] = {
#embed "data/servers/javascript.yaml"
};
static const unsigned char servers_perl[] = {
#embed "data/servers/perl.yaml"
};
static const unsigned char servers_php[] = {
#embed "data/servers/php.yaml"
};
static const unsigned char servers_python[] = {
#embed "data/servers/python.yaml"
};
static const unsigned char servers_ruby[] = {
#embed "data/servers/ruby.yaml"
};
static const unsigned char servers_rust[] = {
#embed "data/servers/rust.yaml"
};
static const unsigned char servers_web[] = {
#embed "data/servers/web.yaml"
};

#define FILE_OF(name, bytes) {name, bytes, sizeof(bytes)}

static const struct berth_catalog_file files[] = {
    FILE_OF("providers/records.yaml", providers_records),
    FILE_OF("providers/apk.yaml", providers_apk),
    FILE_OF("providers/apt.yaml", providers_apt),
    FILE_OF("providers/brew.yaml", providers_brew),
    FILE_OF("providers/builtin.yaml", providers_builtin),
    FILE_OF("providers/cargo.yaml", providers_cargo),
    FILE_OF("providers/changes.yaml", providers_changes),
    FILE_OF("providers/cpan.yaml", providers_cpan),
    FILE_OF("providers/dnf.yaml", providers_dnf),
    FILE_OF("providers/gem.yaml", providers_gem),
    FILE_OF("providers/hex.yaml", providers_hex),
    FILE_OF("providers/maven.yaml", providers_maven),
    FILE_OF("providers/mise.yaml", providers_mise),
    FILE_OF("providers/npm.yaml", providers_npm),
    FILE_OF("providers/own.yaml", providers_own),
    FILE_OF("providers/packages.yaml", providers_packages),
    FILE_OF("providers/pacman.yaml", providers_pacman),
    FILE_OF("providers/venv.yaml", providers_venv),
    FILE_OF("runtimes/bun.yaml", runtimes_bun),
    FILE_OF("runtimes/deno.yaml", runtimes_deno),
    FILE_OF("runtimes/dotnet.yaml", runtimes_dotnet),
    FILE_OF("runtimes/elixir.yaml", runtimes_elixir),
    FILE_OF("runtimes/go.yaml", runtimes_go),
    FILE_OF("runtimes/java.yaml", runtimes_java),
    FILE_OF("runtimes/node.yaml", runtimes_node),
    FILE_OF("runtimes/perl.yaml", runtimes_perl),
    FILE_OF("runtimes/php.yaml", runtimes_php),
    FILE_OF("runtimes/python.yaml", runtimes_python),
    FILE_OF("runtimes/ruby.yaml", runtimes_ruby),
    FILE_OF("runtimes/rust.yaml", runtimes_rust),
    FILE_OF("servers/dotnet.yaml", servers_dotnet),
    FILE_OF("servers/elixir.yaml", servers_elixir),
    FILE_OF("servers/go.yaml", servers_go),
    FILE_OF("servers/java.yaml", servers_java),
    FILE_OF("servers/javascript.yaml", servers_javascript),
    FILE_OF("servers/perl.yaml", servers_perl),
    FILE_OF("servers/php.yaml", servers_php),
    FILE_OF("servers/python.yaml", servers_python),
    FILE_OF("servers/ruby.yaml", servers_ruby),
    FILE_OF("servers/rust.yaml", servers_rust),
    FILE_OF("servers/web.yaml", servers_web),
};

const struct berth_catalog_file *berth_catalog_table(void) { return files; }

const unsigned long berth_catalog_file_count = sizeof(files) / sizeof(files[0]);
