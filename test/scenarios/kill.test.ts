// The cloud is killed at random moments under load: nothing that was acknowledged is lost, no device has two tasks, the rollout goes on.

import { runKills } from "./kills"

/** `npm run kills` is the long run. */
const KILLS = 6
const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)

test("nothing that was acknowledged is lost", async () => {
    const found = await runKills(KILLS, SEED, line => line.includes("SEED") && console.log(line))
    expect(found.kills).toEqual({ cloud: 2, "cloud and database": 2, "process id taken": 2 })
    expect(found.updates).toBeGreaterThanOrEqual(40)
    expect(found.changes).toBeGreaterThan(0)
}, 240_000)
