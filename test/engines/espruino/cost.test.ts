// What bundles and updates cost on the real Espruino: JsVars, natives called for a block; ceilings that nothing may grow above.

import { makeFolder } from "../../board/board-fixture"
import { measureCost } from "./cost"
import { describeEspruino } from "./real"
import { measureBundles } from "./measure"

const home = makeFolder()
afterAll(() => home.remove())

describeEspruino("on Espruino", () => {
    test("boot loader and agent stay within what they took so far", async () => {
        const { loader, agent } = await measureBundles(home.path)
        process.stderr.write(
            `espruino: loader ${loader.bytes} B, ${loader.jsVars} JsVars; agent ${agent.bytes} B, ${agent.jsVars} JsVars\n`,
        )
        expect(loader.bytes).toBeLessThan(2250)
        expect(loader.jsVars).toBeLessThanOrEqual(115)
        expect(agent.bytes).toBeLessThan(37_800)
        expect(agent.jsVars).toBeLessThanOrEqual(1000)
    }, 60_000)

    test.each([512, 1024])(
        "an update in chunks of %i keeps no JsVar, and hashes and reads each block once",
        async chunkBytes => {
            const cost = await measureCost(home.path, chunkBytes)
            process.stderr.write(`espruino: chunks of ${chunkBytes}: core / floor ${cost.ratio.toFixed(2)}\n`)
            expect(cost).toMatchObject({ jsVarsKept: 0, hashesPerBlock: 1, readsPerBlock: 1 })
            // Below 2 where nothing else runs; a busy machine adds to it.
            expect(cost.ratio).toBeLessThan(2.6)
        },
        60_000,
    )
})
