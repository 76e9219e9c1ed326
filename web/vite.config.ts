import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/outcrop/web/static",
    emptyOutDir: true,
    target: "es2022",
    // MapLibre is one large file, fetched from this machine.
    chunkSizeWarningLimit: 2000,
  },
});
