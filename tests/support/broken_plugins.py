"""Plugins that are broken, one in every way, with the cause that is listed."""

from __future__ import annotations

BROKEN = {
    "absent module": ("import no_such_module_at_all", "ModuleNotFoundError.*no_such_module_at_all"),
    "syntax": ("def (", "SyntaxError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "import raises": ("raise RuntimeError('on import')", "RuntimeError: on import"),
    "hook raises": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            raise ValueError('in the hook')
        """,
        "ValueError: in the hook",
    ),
    "hook exits": (
        """
        import sys
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            sys.exit('gone')
        """,
        "SystemExit: gone",
    ),
    "junk": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            return "junk"
        """,
        "must return a list of indexers, got 'junk'",
    ),
    "list of junk": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            return [5]
        """,
        "InvalidIndexerError.*no DatasetIndexer: it lacks name, extract_rows",
    ),
    "classes": (
        """
        from kymflow import ArtifactIndexer, hookimpl
        class Indexer(ArtifactIndexer):
            name = "a"
        @hookimpl
        def kymflow_indexers():
            return [Indexer]
        """,
        "pass an instance, Indexer\\(\\)",
    ),
    "none": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            return None
        """,
        "kymflow_indexers",
    ),
    "misspelt hook": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexer():
            return []
        """,
        "PluginError: unknown hook .kymflow_indexer. .*did you mean .kymflow_indexers.\\?",
    ),
    "hook with arguments": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers(dataset):
            return []
        """,
        "kymflow_indexers of .* takes .dataset., but a hook kymflow_indexers takes no argument",
    ),
    "no hook": ("x = 1", "neither an indexer nor has it a function kymflow_indexers"),
    "unmarked hook": ("def kymflow_indexers():\n    return []", "marked with @kymflow.hookimpl"),
    "no name": (
        """
        from kymflow import ArtifactIndexer
        class Indexer(ArtifactIndexer):
            pass
        """,
        "needs a class attribute name",
    ),
    "bad table name": (
        """
        from kymflow import hookimpl
        class Indexer:
            name, table_name = "odd", "日本"
            def extract_rows(self, rec): ...
        @hookimpl
        def kymflow_indexers():
            return [Indexer()]
        """,
        "indexer 'odd': '日本' cannot name a table",
    ),
    "reserved table name": (
        """
        from kymflow import hookimpl
        class Indexer:
            name, table_name = "odd", "sources"
            def extract_rows(self, rec): ...
        @hookimpl
        def kymflow_indexers():
            return [Indexer()]
        """,
        "'sources' is kept by the dataset itself",
    ),
    "blank name": (
        """
        from kymflow import ArtifactIndexer
        from kymflow import hookimpl
        class Indexer(ArtifactIndexer):
            name = "stalls\\n"
        @hookimpl
        def kymflow_indexers():
            return [Indexer()]
        """,
        r"'stalls\\n': a name must be printable text without blanks around it",
    ),
    "reserved name": (
        """
        from kymflow import hookimpl
        class Indexer:
            name, table_name = "Sources", "mine"
            def extract_rows(self, rec): ...
        @hookimpl
        def kymflow_indexers():
            return [Indexer()]
        """,
        "'Sources': this name is kept by the dataset itself",
    ),
    "same indexer twice": (
        """
        from kymflow import ArtifactIndexer, hookimpl
        class Indexer(ArtifactIndexer):
            name = "stalls"
        @hookimpl
        def kymflow_indexers():
            return [Indexer()] * 2
        """,
        "offers two indexers that claim the name 'stalls'",
    ),
    "same table twice": (
        """
        from kymflow import ArtifactIndexer, hookimpl
        class One(ArtifactIndexer):
            name, table_name = "one", "Stalls"
        class Two(ArtifactIndexer):
            name, table_name = "two", "stalls"
        @hookimpl
        def kymflow_indexers():
            return [One(), Two()]
        """,
        "two indexers that claim the table 'stalls': 'one' and 'two'",
    ),
    "half a generator": (
        """
        from kymflow import ArtifactIndexer, hookimpl
        class Indexer(ArtifactIndexer):
            name = "stalls"
        @hookimpl
        def kymflow_indexers():
            yield Indexer()
            raise OSError("no disk")
        """,
        "OSError: no disk",
    ),
    "endless generator": (
        """
        from kymflow import ArtifactIndexer, hookimpl
        class Indexer(ArtifactIndexer):
            name = "stalls"
        @hookimpl
        def kymflow_indexers():
            while True:
                yield Indexer()
        """,
        "gives more than 1000 indexers",
    ),
    "one class": (
        """
        from kymflow import ArtifactIndexer, hookimpl
        class Indexer(ArtifactIndexer):
            name = "a"
        @hookimpl
        def kymflow_indexers():
            return Indexer
        """,
        "pass an instance, Indexer\\(\\)",
    ),
    "one hook marked, the other not": (
        """
        from kymflow import hookimpl
        def kymflow_indexers(): ...
        @hookimpl
        def kymflow_table_updated(dataset): ...
        """,
        "PluginError: kymflow_indexers of 'plugin_broken' is not marked",
    ),
    "observer with other arguments": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_table_updated(dataset, table): ...
        """,
        "takes .table., but a hook .* takes dataset, table_name, report, or fewer",
    ),
    "asks for indexers on import": (
        """
        import kymflow
        from kymflow import IndexerRegistry
        import plugin_asked
        plugin_asked.registry.list()
        """,
        "a plugin cannot ask for indexers on import",
    ),
    "base exception": ("raise BaseException('of no kind')", "BaseException: of no kind"),
    "error without words": (
        """
        class Silent(Exception):
            def __str__(self):
                raise RuntimeError("nothing to say")
        raise Silent
        """,
        "Silent, which cannot say what it is about",
    ),
    "deep recursion": ("def f():\n    f()\nf()", "RecursionError"),
    "name that raises": (
        """
        from kymflow import hookimpl
        class Indexer:
            table_name = "odd"
            @property
            def name(self):
                raise RuntimeError("no name today")
            def extract_rows(self, rec): ...
        @hookimpl
        def kymflow_indexers():
            return [Indexer()]
        """,
        "RuntimeError: no name today",
    ),
}
