// The OpenAPI document is the list of routes: what the app serves, it describes; what it describes, is served. Answers are harmless.

import { createApi, type ApiParts } from "../../host/cloud/api/app"
import type { Context } from "../../host/cloud/context"
import { startCloudFixture } from "./cloud-fixture"

/** Stands for whatever a route is made with: nothing of it is used before a call comes. */
const nothing: never = new Proxy(() => undefined, { get: () => nothing }) as never

test("document and routes are the same", () => {
    const app = createApi({ store: { tables: nothing } } as unknown as Context, "1.0.0", nothing as ApiParts)
    const plain = new Set(["GET /healthz", "GET /readyz", "GET /api/v1/openapi.json"])
    const served = app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`)
    const document = app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "t", version: "1" } })
    const described = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
        Object.keys(methods).map(method => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`),
    )
    expect([...new Set(served)].filter(route => !plain.has(route)).sort()).toEqual(described.sort())
    expect(described.length).toBeGreaterThan(60)
})

test("answers cannot run, be framed or be cached, and a 404 echoes nothing", async () => {
    const cloud = await startCloudFixture()
    const paths = [
        "/api/v1/openapi.json",
        "/api/v1/<script>alert(1)</script>",
        "/api/v1/devices/%3Cscript%3E",
        "/<script>",
        "/metrics",
    ]
    for (const path of paths) {
        const response = await fetch(cloud.url + path, { headers: { Authorization: `Bearer ${cloud.token}` } })
        expect(response.headers.get("content-security-policy")).toContain("default-src 'none'")
        expect(response.headers.get("x-content-type-options")).toBe("nosniff")
        expect(response.headers.get("cache-control")).toBe("no-store")
        if (response.status === 404) expect(await response.text()).not.toContain("script>")
    }
    await cloud.close()
}, 60_000)
