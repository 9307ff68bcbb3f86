// docs/api.md tells the truth: its routes are the served ones, and it lists every problem and every task event.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { PROBLEMS } from "../../host/cloud/problems"
import { TASK_STATES } from "../../host/cloud/domain/task-machine"
import { startCloudFixture, type Json } from "./cloud-fixture"

const text = readFileSync(join(__dirname, "..", "..", "docs", "api.md"), "utf8")

/** `METHOD /path` of every route that a table row begins with. */
function documented(): string[] {
    const cells = [...text.matchAll(/^\| (`[A-Z]+ [^|]*) \|/gm)].map(([, cell]) => cell as string)
    const routes = cells.flatMap(cell => [...cell.matchAll(/`([A-Z]+) ([^`?]+)/g)].map(([, method, path]) => `${method} ${path}`))
    return routes.filter(route => !/z$|openapi/.test(route)).sort()
}

test("the routes are the served ones", async () => {
    const cloud = await startCloudFixture()
    const document = (await (await fetch(`${cloud.url}/api/v1/openapi.json`)).json()) as Json
    await cloud.close()
    const served = Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
        Object.keys(methods).map(method => `${method.toUpperCase()} ${path.replace("/api/v1", "")}`),
    )
    expect(documented()).toEqual(served.sort())
}, 30_000)

test.each(Object.entries(PROBLEMS))("the problem %s", (code, [status]) => {
    const row = text.split("\n").find(line => line.startsWith("|") && line.includes(`\`${code}\``))
    expect(row).toMatch(new RegExp(`\\| ${status} \\|`))
})

test.each(TASK_STATES)("the task state %s and its event", state => {
    expect(text).toContain(`| \`${state}\` |`)
    expect(text).toContain(`\`task.${state}\``)
})
