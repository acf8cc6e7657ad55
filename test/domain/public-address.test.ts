import { expect, it } from "vitest";
import { addressInHost, isPublicAddress } from "../../src/domain/public-address.ts";

it.each(["8.8.8.8", "1.1.1.1", "203.0.112.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])(
  "%s is of the public net",
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

it.each([
  "0.0.0.0",
  "10.0.0.1",
  "100.64.0.1",
  "127.0.0.1",
  "169.254.169.254",
  "172.16.0.1",
  "192.168.1.1",
  "198.18.0.1",
  "203.0.113.1",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::ffff:127.0.0.1",
  "::127.0.0.1",
  "64:ff9b::7f00:1",
  "2002:7f00:1::",
  "2001:db8::1",
  "fc00::1",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
  "4000::1",
  "localhost",
  "",
])("%s is not", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

it("finds the address in a URL's host, however it was written", () => {
  expect(addressInHost(new URL("https://0x7f.1/").hostname)).toBe("127.0.0.1");
  expect(addressInHost(new URL("https://[::1]:8443/").hostname)).toBe("::1");
  expect(addressInHost(new URL("https://portal.example/").hostname)).toBeNull();
});
