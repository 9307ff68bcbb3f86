// pack and inspect, end to end through files.

import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { IMAGE_BYTES_MAX } from "../../firmware/constants"
import { STATUS_DELTA_BASE, STATUS_ZIP_CRC } from "../../firmware/status"
import { IMAGE_FILE_BYTES_MAX } from "../../host/cli/files"
import { imageOf, seededBytes } from "../firmware/images"
import { makeFolder, run, writeFiles } from "./cli-fixture"

const folder = makeFolder()

beforeAll(() => {
    writeFiles(folder.path, {
        "app/app.ts": `import { log, version } from "otary"\nlog("hello " + version())\n`,
        "app/otary.json5": `{ name: "hello", version: "1.0.0" }`,
        "app/files/greeting.txt": "good morning",
    })
})
afterAll(() => folder.remove())

const cwd = folder.path

test("packs into NAME-VERSION.zip, and prints only the file's name on stdout", async () => {
    const ran = await run(["pack", "app"], { cwd })
    expect(ran).toEqual({
        exitCode: 0,
        stdout: "hello-1.0.0.zip\n",
        stderr: expect.stringMatching(/^hello 1\.0\.0 for host: \d+ bytes, build [0-9a-f]{16}\n$/),
    })
    const again = await run(["pack", "app", "-o", "again.zip", "--quiet"], { cwd })
    expect(again).toEqual({ exitCode: 0, stdout: "again.zip\n", stderr: "" })
    expect(readFileSync(join(cwd, "again.zip")).equals(readFileSync(join(cwd, "hello-1.0.0.zip")))).toBe(true)
})

test("--set changes otary.json5, and --json tells everything of the image", async () => {
    const ran = await run(["pack", "app", "--set", "version=1.1.0", "--set", "security=2", "--json"], { cwd })
    const image: unknown = JSON.parse(ran.stdout)
    expect(image).toMatchObject({ file: "hello-1.1.0.zip", name: "hello", version: "1.1.0", platform: "host" })
    const inspected = await run(["inspect", "hello-1.1.0.zip", "--json"], { cwd })
    const { manifest, sha256, problems, parts } = JSON.parse(inspected.stdout) as Record<string, unknown>
    expect(manifest).toMatchObject({ version: "1.1.0", security: 2 })
    expect({ sha256, problems }).toEqual({ sha256: (image as { sha256: string }).sha256, problems: [] })
    expect(parts).toMatchObject([
        { name: "app", isVerified: true },
        { name: "fs", files: [{ name: "greeting.txt", sizeBytes: 12 }] },
    ])
})

test("inspect shows people what is in an image", async () => {
    await run(["pack", "app"], { cwd })
    const { exitCode, stdout } = await run(["inspect", "hello-1.0.0.zip"], { cwd })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^name +hello$/m)
    expect(stdout).toMatch(/^manifest\.json +\d+ +\d+$/m)
    expect(stdout).toMatch(/^fs +fs +files\.bin +\d+ +1 +✓$/m)
    expect(stdout).toMatch(/^greeting\.txt +12$/m)
    expect(stdout).toContain("✓ a board takes this image")
})

test("an image that a board would refuse: exit code 3, with the board's status", async () => {
    await run(["pack", "app"], { cwd })
    const bytes = readFileSync(join(cwd, "hello-1.0.0.zip"))
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(join(cwd, "bent.zip"), bytes)
    const ran = await run(["inspect", "bent.zip", "--json"], { cwd })
    expect(ran.exitCode).toBe(3)
    expect(JSON.parse(ran.stdout)).toMatchObject({
        problems: expect.arrayContaining([expect.objectContaining({ status: STATUS_ZIP_CRC })]),
    })
    const shown = await run(["inspect", "bent.zip"], { cwd })
    expect(shown.stdout).toMatch(/✗ .*\(status -\d+\)/)
    expect(shown.stderr).toContain("docs/errors.md")
})

test("a folder that cannot be packed: exit code 1, the packer's code, and no file", async () => {
    writeFiles(folder.path, { "bad/app.js": "", "bad/otary.json5": `{ name: "bad", version: "1" }` })
    const ran = await run(["pack", "bad"], { cwd })
    expect([ran.exitCode, ran.stdout]).toEqual([1, ""])
    expect(ran.stderr).toMatch(/^otary: PACK_CONFIG: otary\.json5: version: expected a SemVer/)
    expect(readdirSync(cwd).filter(name => name.startsWith("bad-"))).toEqual([])
})

test.each([
    [["inspect", "absent.zip"], "CLI_FILE"],
    [["inspect", "app"], "CLI_FILE"],
    [["pack", "app", "-o", "no/such/folder.zip"], "CLI_FILE"],
])("%j: exit code 1 and %s", async (argv, code) => {
    const ran = await run(argv, { cwd })
    expect([ran.exitCode, ran.stderr.split(":")[1]?.trim()]).toEqual([1, code])
})

test("no image above the board's limit is read", () => {
    expect(IMAGE_FILE_BYTES_MAX).toBe(IMAGE_BYTES_MAX)
})

test("delta: from one packed version to the next, shown and verified by inspect", async () => {
    await run(["pack", "app"], { cwd })
    await run(["pack", "app", "--set", "version=1.2.0"], { cwd })
    const ran = await run(["delta", "hello-1.0.0.zip", "hello-1.2.0.zip"], { cwd })
    expect(ran).toMatchObject({ exitCode: 0, stdout: "hello-1.2.0-from-1.0.0.zip\n" })
    expect(ran.stderr).toMatch(/^hello 1\.2\.0 for boards that run 1\.0\.0: \d+ bytes, \d+\.\d % of the full image\n$/)
    const inspected = await run(["inspect", "hello-1.2.0-from-1.0.0.zip", "--base", "hello-1.0.0.zip"], { cwd })
    expect(inspected.exitCode).toBe(0)
    expect(inspected.stdout).toMatch(/^app +[0-9a-f]{64} +\d+ +\d+$/m)
    const other = await run(["inspect", "hello-1.2.0-from-1.0.0.zip", "--base", "hello-1.2.0.zip"], { cwd })
    expect([other.exitCode, other.stdout.includes(`(status ${STATUS_DELTA_BASE})`)]).toEqual([3, true])
})

test("delta: one that saves nothing says so; two images for different boards have none", async () => {
    await run(["pack", "app"], { cwd })
    await run(["pack", "app", "--target", "nodemcu", "-o", "lua.zip"], { cwd })
    const refused = await run(["delta", "lua.zip", "hello-1.0.0.zip", "--json"], { cwd })
    expect([refused.exitCode, refused.stderr.includes("DELTA_IMAGE")]).toEqual([1, true])
    const random = (seed: number): Buffer => imageOf({ app: seededBytes(9000, seed), manifest: { build_timestamp: "" } })
    writeFileSync(join(cwd, "a.zip"), random(1))
    writeFileSync(join(cwd, "b.zip"), random(2))
    const useless = await run(["delta", "a.zip", "b.zip", "-o", "c.zip"], { cwd })
    expect([useless.exitCode, useless.stderr]).toEqual([0, expect.stringContaining("it saves nothing")])
})
