import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => ({
  plugins: [react()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // what every screen needs stays together: in small pieces, cut by who shares what, the same code is larger packed
        codeSplitting: {
          groups: [
            { name: "mantine", test: /mantine|floating-ui/ },
            { name: "house", test: /parts.(house|toast|answer)/ },
          ],
        },
      },
    },
  },
  // `KYDAI_URL=http://127.0.0.1:8470 npm run dev` works beside a running kydai
  server: { proxy: { "/api": loadEnv(mode, ".", "KYDAI_").KYDAI_URL ?? "http://127.0.0.1:8470" } },
}));
