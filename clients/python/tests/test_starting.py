import asyncio
import unittest

import berth
from berth.types import NewEvent
from support import ServerCase, program


class StartingTests(ServerCase):
    """Finding a server, starting one, and speaking over standard input and output."""

    async def test_a_server_is_started_where_none_runs(self) -> None:
        async with berth.connect(home=self.home, berth=program()) as client:
            first = (await client.server.ping())["instanceId"]
            self.kill_server()
            with self.assertRaises(berth.ConnectionLost):
                while True:
                    await client.server.ping()
            self.assertNotEqual((await client.server.ping())["instanceId"], first)

    async def test_a_server_that_is_stopping_is_followed_by_a_new_one(self) -> None:
        async with berth.connect(home=self.home, berth=program()) as client:
            first = (await client.server.ping())["instanceId"]
            await client.server.stop()
            while True:
                try:
                    if (await client.workspace.list()) and (await client.server.ping())["instanceId"] != first:
                        break
                except (berth.ConnectionLost, berth.BerthError):
                    pass

    async def test_clients_that_start_at_once_share_one_server(self) -> None:
        clients = [berth.connect(home=self.home, berth=program()) for _ in range(4)]
        try:
            pongs = await asyncio.gather(*(client.server.ping() for client in clients))
            self.assertEqual(len({pong["instanceId"] for pong in pongs}), 1)
        finally:
            await asyncio.gather(*(client.close() for client in clients))

    async def test_what_hinders_a_server_is_told(self) -> None:
        with self.assertRaisesRegex(berth.ServerUnavailable, "no-such-program"):
            await berth.connect(home=self.home, berth="/no-such-program").server.ping()
        self.home.write_text("a file")
        with self.assertRaises(berth.ServerUnavailable) as caught:
            await berth.connect(home=self.home, berth=program()).server.ping()
        self.assertIn(str(self.home), str(caught.exception))

    async def test_a_socket_of_ones_own(self) -> None:
        path = str(self.folder / "mine.sock")
        async with berth.connect(home=self.home, socket=path, berth=program()) as client:
            self.assertEqual((await client.server.status())["socket"], path)
        async with berth.connect(home=self.home, start=False) as client:
            self.assertEqual((await client.server.status())["socket"], path)

    async def test_a_home_whose_path_is_too_long_for_a_socket(self) -> None:
        self.home = self.folder / ("long-" * 20) / "home"
        self.start_server()
        (self.home / "lock").rename(self.home / "record")
        (self.home / "lock").write_text("")
        try:
            async with berth.connect(home=self.home, start=False) as client:
                self.assertEqual((await client.server.status())["home"], str(self.home))
        finally:
            (self.home / "record").replace(self.home / "lock")

    async def test_a_spawned_process_joins_the_server_of_the_home(self) -> None:
        self.start_server()
        async with (
            berth.connect(home=self.home, start=False) as over_socket,
            berth.spawn(home=self.home, berth=program()) as over_stdio,
        ):
            self.assertEqual(await over_stdio.server.ping(), await over_socket.server.ping())
            await over_stdio.stream.append("custom/x", [{"type": "a"}], close=True)
            self.assertEqual([event["type"] async for event in over_stdio.follow("custom/x")], ["a"])

    async def test_a_spawned_process_starts_a_server_and_starts_it_again(self) -> None:
        async with berth.spawn(home=self.home, berth=program()) as client:
            first = (await client.server.ping())["instanceId"]
            self.kill_server()
            with self.assertRaises(berth.ConnectionLost):
                while True:
                    await client.server.ping()
            self.assertNotEqual((await client.server.ping())["instanceId"], first)

    async def test_a_spawned_process_may_be_the_server_itself(self) -> None:
        async with berth.spawn(home=self.home, berth=program(), in_process=True) as client:
            self.assertEqual((await client.server.status())["socket"], "")
            events: list[NewEvent] = [
                {"type": "n", "payload": {"number": n, "text": "x" * 1000}} for n in range(2000)
            ]
            await client.stream.append("custom/x", events, close=True)
            numbers = []
            async for event in client.follow("custom/x"):
                numbers.append(event["payload"]["number"])
                if len(numbers) % 100 == 0:
                    # The followers share the connection with the calls, which never wait for a slow one.
                    await client.server.ping()
            self.assertEqual(numbers, list(range(2000)))
            with self.assertRaisesRegex(berth.ServerUnavailable, str(self.home)):
                await berth.spawn(home=self.home, berth=program(), in_process=True).server.ping()

    async def test_any_command_can_be_spawned(self) -> None:
        command = ["env", f"BERTH_HOME={self.home}", program(), "serve", "--stdio"]
        async with berth.spawn(command=command) as client:
            self.assertEqual((await client.server.status())["home"], str(self.home))
        with self.assertRaisesRegex(berth.ServerUnavailable, "out of order"):
            await berth.spawn(command=["sh", "-c", "echo out of order >&2"]).server.ping()


if __name__ == "__main__":
    unittest.main()
