// The schema of the first release, with data in it, brought up to date: nothing is lost, and the fleet goes on.

import { rmSync } from "node:fs"
import { Pool } from "pg"
import { startEmbedded } from "../../host/cloud/embedded/embedded"
import { migrate, MIGRATIONS } from "../../host/cloud/store/migrations"
import { openPostgres } from "../../host/cloud/store/postgres"
import { temporaryFolder } from "../api/cloud-fixture"

const OLD_DATA = `
insert into tenant values ('default', 'default', now());
insert into cloud values ('default', 'default', 'default', now());
insert into product values ('p', 'default', 'P', true, true, null, now());
insert into artifact values ('default', 'aa', 10, '{"platform":"host","version":"1.1.0","build_id":"b","parts":{"app":{}}}', now());
insert into release values ('r1', 'default', 'p', '1.1.0', '', '', '', true, 'aa', now());
insert into rollout values ('o1', 'default', 'r1', 'continuous', 'all', now()), ('o2', 'default', 'r1', 'continuous', 'devices', now());
insert into device (tenant_id, id, product_id, cloud_id, attributes, version, claimed, token_used, created_at)
    select 'default', 'd' || n, 'p', 'default', '{"a":1}', '1.0.0', true, true, now() from generate_series(1, 50) n;
insert into rollout_device select 'default', 'd' || n, 'o2' from generate_series(1, 5) n;
insert into task select 'default', 'd' || n, 't' || n, 'o1', '1.1.0', case when n <= 10 then 'offered' else 'succeeded' end, 1, '', null,
    now(), now() from generate_series(1, 20) n;
insert into task values ('default', 'd30', 't30', 'o1', '1.1.0', 'canceled', 1, '', null, now(), now()),
    ('default', 'd30', 't31', 'o1', '1.1.0', 'queued', 2, '', null, now(), now());
insert into event (tenant_id, at, type, device_id, data) values ('default', now(), 'task.offered', 'd1', '{}');
`

test("a database of the first release goes on as it was", async () => {
    const dataDir = temporaryFolder()
    const database = await startEmbedded(dataDir, () => undefined)
    const pool = new Pool({ connectionString: database.url })
    try {
        expect(await migrate(pool, MIGRATIONS.slice(0, 1))).toBe(1)
        await pool.query(OLD_DATA)
        const store = await openPostgres(database.url, () => undefined)
        const { rollouts, tasks, devices } = store.tables
        const rollout = await rollouts.get("default", "o1")
        expect(rollout).toMatchObject({ state: "running", scope: { kind: "all" }, mode: "continuous", snapshotDone: true })
        expect(rollout?.knobs).toMatchObject({ override: true, rate: null, matchesMax: 10 })
        expect(await rollouts.get("default", "o2")).toMatchObject({ scope: { kind: "devices" }, count: 5 })
        const counts = (await rollouts.counts(["o1"])).get("o1")
        expect(counts).toMatchObject({ offered: 10, succeeded: 10, queued: 1, canceled: 0, devices: 21, pushed: 22 })
        const [latest] = await tasks.latest(["d30"])
        expect(latest).toMatchObject({ id: "t31", state: "queued", attempt: 2, module: "default" })
        expect(
            (await tasks.list("default", { state: "offered" }, { after: null, limit: 100 })).every(
                one => one.deadlineMs !== null,
            ),
        ).toBe(true)
        expect(await devices.get("default", "d7")).toMatchObject({ attributes: { a: 1 }, versions: {}, tags: [], region: "" })
        expect(await migrate(pool)).toBe(0)
        await store.close()
    } finally {
        await pool.end()
        await database.close()
        rmSync(dataDir, { recursive: true, force: true })
    }
}, 40_000)

test("devices and tasks are partitioned by device", async () => {
    const dataDir = temporaryFolder()
    const database = await startEmbedded(dataDir, () => undefined)
    const pool = new Pool({ connectionString: database.url })
    try {
        await migrate(pool)
        const { rows } = await pool.query<{ name: string; strategy: string; count: number }>(
            `select c.relname as name, p.partstrat as strategy, (select count(*)::int from pg_inherits i where i.inhparent = c.oid) as count
            from pg_partitioned_table p join pg_class c on c.oid = p.partrelid order by 1`,
        )
        const tables = ["device", "group_device", "rollout_device", "task"]
        expect(rows).toEqual(tables.map(name => ({ name, strategy: "h", count: 8 })))
    } finally {
        await pool.end()
        await database.close()
        rmSync(dataDir, { recursive: true, force: true })
    }
}, 40_000)
