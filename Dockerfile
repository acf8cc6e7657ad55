# syntax=docker/dockerfile:1
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY rolldown.config.mjs ./
COPY src ./src
RUN npm run build

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
# Made here, so that a new volume in its place belongs to the user who writes to it.
RUN mkdir /data && chown node:node /data
# The build holds the code of all packages; what is read beside it are pages and mails.
COPY --from=build /app/package.json ./package.json
COPY --from=build /app/node_modules/@bull-board/ui ./node_modules/@bull-board/ui
COPY --from=build /app/dist ./dist
COPY templates ./templates
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# node itself, not npm: the signal that stops the container must reach the program.
CMD ["node", "dist/main.js"]
