// otary flash without hardware: what it would send, and what it says when its tools are missing.

import { join } from "node:path"
import { packFolder } from "../../build/pack"
import { projectRoot } from "../../build/root"
import { makeFolder, run } from "./cli-fixture"
import { writeFileSync } from "node:fs"

const folder = makeFolder()
afterAll(() => folder.remove())

const images = new Map<string, Promise<string>>()

async function pack(target: "espruino" | "nodemcu" | "nodemcu-esp8266"): Promise<string> {
    const path = join(folder.path, `${target}.zip`)
    const { bytes } = await packFolder(join(projectRoot(), "docs/examples/blink"), { overrides: { target } })
    writeFileSync(path, bytes)
    return path
}

/** Path of the example's image; packed once for each target. */
function packBlink(target: "espruino" | "nodemcu" | "nodemcu-esp8266"): Promise<string> {
    const image = images.get(target) ?? pack(target)
    images.set(target, image)
    return image
}

test("Espruino: every line, Storage wiped first and the loader last; one cannot pass for its own success", async () => {
    const image = await packBlink("espruino")
    const argv = ["flash", image, "--target", "espruino", "--id", "b1", "--cloud", "http://127.0.0.1:9", "--dry-run", "--json"]
    const { exitCode, stdout } = await run(argv)
    expect(exitCode).toBe(0)
    const { steps } = JSON.parse(stdout) as { steps: { line: string; what: string }[] }
    expect(steps.length).toBeGreaterThan(100)
    expect(steps[0]!.line).toContain("eraseAll")
    expect(steps.at(-1)!.what).toBe(".boot0: compared")
    expect(steps.filter(({ line }) => line.includes("otary:ok") || line.length > 900)).toEqual([])
}, 30_000)

test.each(["nodemcu", "nodemcu-esp8266"] as const)(
    "%s: the region files, and init.lua last",
    async target => {
        const image = await packBlink(target)
        const { exitCode, stdout } = await run(["flash", image, "--target", target, "--id", "b1", "--dry-run", "--json"])
        expect(exitCode).toBe(0)
        const names = (JSON.parse(stdout) as { files: { name: string }[] }).files.map(({ name }) => name)
        expect(names).toEqual([
            "boot.bin",
            "journal.bin",
            "app0.bin",
            "app1.bin",
            "files0.bin",
            "files1.bin",
            "fill.lua",
            "init.lua",
        ])
    },
    30_000,
)

test.each([
    [["--port", "/dev/none"], "CLI_TOOL_MISSING", 1],
    [[], "CLI_USAGE", 2],
])(
    "with %j it is refused with %s",
    async (options, code, wanted) => {
        const image = await packBlink("espruino")
        const { exitCode, stderr } = await run(["flash", image, "--target", "espruino", "--id", "b1", ...options, "--json"])
        expect([exitCode, JSON.parse(stderr.trim().split("\n").at(-1)!)]).toMatchObject([wanted, { error: { code } }])
    },
    30_000,
)

test.each(["espruino", "nodemcu-esp8266"])(
    "an image for another platform is refused: nodemcu's for %s",
    async target => {
        const image = await packBlink("nodemcu")
        const { exitCode, stderr } = await run(["flash", image, "--target", target, "--id", "b1", "--dry-run"])
        expect(exitCode).not.toBe(0)
        expect(stderr).toContain("BOARD_INSTALL")
    },
    30_000,
)
