import os
import tempfile
import unittest
from unittest import mock

from berth._home import Home


class HomeTests(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)

    def environment(self, **variables: str) -> None:
        patch = mock.patch.dict(os.environ, variables, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def test_the_environment_names_the_home(self) -> None:
        self.environment(HOME=self.folder)
        self.assertEqual(Home().path, f"{self.folder}/.local/state/berth")
        self.environment(HOME=self.folder, XDG_STATE_HOME=f"{self.folder}/state")
        self.assertEqual(Home().path, f"{self.folder}/state/berth")
        self.environment(HOME=self.folder, XDG_STATE_HOME="relative")
        self.assertEqual(Home().path, f"{self.folder}/.local/state/berth")
        self.environment(HOME=self.folder, BERTH_HOME=f"{self.folder}/mine/", XDG_STATE_HOME="/x")
        self.assertEqual(Home().path, f"{self.folder}/mine")
        self.assertEqual(Home(f"{self.folder}/other").path, f"{self.folder}/other")

    def test_links_are_resolved_as_far_as_the_path_exists(self) -> None:
        os.mkdir(f"{self.folder}/real")
        os.symlink("real", f"{self.folder}/link")
        self.assertEqual(Home(f"{self.folder}/link/a/b").path, f"{self.folder}/real/a/b")
        self.assertEqual(Home(f"{self.folder}/link").path, f"{self.folder}/real")

    def test_a_relative_path_begins_where_the_process_is(self) -> None:
        self.assertEqual(Home("not-there").path, f"{os.path.realpath('.')}/not-there")

    def test_only_the_standard_home_has_its_socket_in_the_runtime_folder(self) -> None:
        self.environment(HOME=self.folder, XDG_RUNTIME_DIR="/run/user/7")
        self.assertEqual(Home().socket, "/run/user/7/berth/berth.sock")
        self.assertEqual(Home(f"{self.folder}/other").socket, f"{self.folder}/other/berth.sock")
        self.environment(HOME=self.folder, XDG_RUNTIME_DIR="/" + "r" * 90)
        self.assertEqual(Home().socket, f"{self.folder}/.local/state/berth/berth.sock")

    def test_a_long_path_gives_way_to_a_short_name(self) -> None:
        self.environment(TMPDIR="/" + "t" * 50)
        home = Home("/nowhere/" + "h" * 100)
        self.assertRegex(home.socket, rf"^/tmp/berth-{os.geteuid()}/[0-9a-f]{{16}}\.sock$")

    def test_a_record_that_cannot_be_read_is_none(self) -> None:
        home = Home(self.folder)
        for text in ["", "{", "[]", '{"pid":1}']:
            with open(f"{self.folder}/lock", "w") as file:
                file.write(text)
            self.assertIsNone(home.record)
