"""The workloads of bench/run on asyncio with uvloop: task groups and timeouts.

python3 asyncio_uvloop.py WORKLOAD SECONDS N
"""

import asyncio
import sys
import time

import uvloop
from measure import arguments, now, pause, repeated, report_sleepers, resident_kb, whole

workload, seconds, count = arguments()


async def empty():
    pass


async def spawn_and_join(tasks, function):
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(function())


async def switch_often(tasks, per_task):
    async def switch():
        for _ in range(per_task):
            await asyncio.sleep(0)

    await whole(seconds, tasks * per_task, lambda: spawn_and_join(tasks, switch))


async def timeouts():
    for _ in range(1000):
        async with asyncio.timeout(10):
            await empty()


async def cancel_all():
    blocked = 0

    async def block():
        nonlocal blocked
        blocked += 1
        await asyncio.get_running_loop().create_future()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(block()) for _ in range(count)]
        while blocked < count:
            await asyncio.sleep(0)
        start = now()
        for task in tasks:
            task.cancel()
    return now() - start, count


async def sleepers():
    asleep = woken = 0

    async def sleep_once(i):
        nonlocal asleep, woken
        asleep += 1
        await asyncio.sleep(pause(seconds, i, count))
        woken += 1

    kb, cpu = resident_kb(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for i in range(count):
            group.create_task(sleep_once(i))
        while asleep < count:
            await asyncio.sleep(0)
        kb = resident_kb() - kb
        assert woken == 0, "some woke before all slept"
    report_sleepers(time.process_time() - cpu, kb, count)


BLOCK = bytes(65536)


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def send_on(_, writer):
    while True:
        writer.write(BLOCK)
        await writer.drain()


async def receive(reader, _):
    while await reader.read(65536):
        pass


async def serve(handle):
    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


workloads = {
    "waves": lambda: whole(seconds, 1000, lambda: spawn_and_join(1000, empty)),
    "burst": lambda: whole(seconds, count, lambda: spawn_and_join(count, empty)),
    "switch-1": lambda: switch_often(1, 5000),
    "switch-1000": lambda: switch_often(1000, 20),
    "sleep-0": lambda: switch_often(1000, 20),
    "timeout": lambda: whole(seconds, 1000, timeouts),
    "cancel": lambda: repeated(seconds, cancel_all),
    "sleepers": sleepers,
    "serve-echo": lambda: serve(echo),
    "serve-send": lambda: serve(send_on),
    "serve-receive": lambda: serve(receive),
    "startup": empty,
}

if workload not in workloads:
    sys.exit(77)
uvloop.install()
asyncio.run(workloads[workload]())
