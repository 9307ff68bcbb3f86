// Policies of releases through the API and the device protocol: refused with the place, decided at check-in, explained with values.

import { startCloudFixture, imageOf, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture
beforeAll(async () => {
    cloud = await startCloudFixture({ policyTermsMax: 6 })
    await cloud.api("POST", "/products", { id: "p" })
}, 60_000)
afterAll(() => cloud.close(), 30_000)

async function makeRelease(version: string, policy: string): Promise<{ status: number; body: Json }> {
    return cloud.api("POST", "/releases", { product: "p", artifact: await cloud.upload(imageOf(version)), policy })
}

async function makeDevice(id: string): Promise<(body: object) => Promise<Json>> {
    const { token } = (await cloud.api("POST", "/devices", { id, product: "p" })).body
    return async body => (await cloud.device("/tok/provision/update", `bearer ${token}`, { id, ...body })).body
}

test("a policy that cannot be read: 422, the text with carets, what was expected; nothing is made", async () => {
    const answer = await makeRelease("2.0.0", "memory >= 512 &&\n model = 'x'")
    expect([answer.status, answer.body.code]).toEqual([422, "policy_invalid"])
    expect(answer.body.issues).toHaveLength(1)
    expect(answer.body.issues[0].path).toBe("policy")
    expect(answer.body.issues[0].message.split("\n")).toEqual([
        '"=" cannot stand here',
        "memory >= 512 &&  model = 'x'",
        "                        ^",
        "write == to compare",
    ])
    expect((await cloud.api("GET", "/releases?product=p")).body.items).toEqual([])
})

test("the number of terms is the cloud's setting", async () => {
    const answer = await makeRelease("2.0.0", "a == 1 || b == 2 || c == 3 || d == 4")
    expect([answer.status, answer.body.issues[0].message.split("\n")[0]]).toEqual([422, "more than 6 terms"])
})

test("a check-in gets what its policy says, by its own properties; the explanation has the values", async () => {
    const policy = 'semver(version, "<", newVersion) && try-beta-features == 1'
    expect(await makeRelease("3.0.0", policy)).toMatchObject({ status: 201, body: { policy } })
    const checkin = await makeDevice("b1")
    expect(await checkin({ version: "1.0.0" })).toEqual({})
    expect(await checkin({ version: "1.0.0", "try-beta-features": "1" })).toEqual({})
    const before = (await cloud.api("GET", "/devices/b1/explain")).body
    expect(before.rollouts[0].checks.find((one: Json) => one.check === "policy")).toEqual({
        check: "policy",
        ok: false,
        detail: `${policy} is false: version = "1.0.0", newVersion = "3.0.0", try-beta-features = "1"`,
    })
    expect(await checkin({ version: "1.0.0", "try-beta-features": 1 })).toMatchObject({ version: "3.0.0" })
})

test("back to an older version: the bad release disabled, the older one for those that have it", async () => {
    const [bad] = (await cloud.api("GET", "/releases?product=p")).body.items
    await cloud.api("PATCH", `/releases/${bad.id}`, { enabled: false })
    expect((await makeRelease("2.5.0", "version == '3.0.0'")).status).toBe(201)
    const [bitten, spared] = [await makeDevice("c1"), await makeDevice("c2")]
    expect(await bitten({ version: "3.0.0" })).toMatchObject({ version: "2.5.0" })
    expect(await spared({ version: "1.0.0" })).toEqual({})
})
