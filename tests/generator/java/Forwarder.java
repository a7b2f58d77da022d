package program;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** A port that leads to another one, until it is closed with all its connections. */
final class Forwarder implements AutoCloseable {
  private final ServerSocket server = new ServerSocket();
  private final Queue<Socket> open = new ConcurrentLinkedQueue<>();
  private final int to;

  Forwarder(int port, int to) throws IOException {
    this.to = to;
    server.setReuseAddress(true);
    server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    start(this::accept);
  }

  int port() {
    return server.getLocalPort();
  }

  private static void start(Runnable task) {
    Thread thread = new Thread(task);
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    try {
      while (true) {
        Socket from = server.accept();
        if (server.isClosed()) { // it may have come while the port was closed
          from.close();
          return;
        }
        Socket real = new Socket(InetAddress.getLoopbackAddress(), to);
        open.add(from);
        open.add(real);
        start(() -> copy(from, real));
        start(() -> copy(real, from));
      }
    } catch (IOException e) {
      // it is closed
    }
  }

  private static void copy(Socket from, Socket to) {
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      in.transferTo(out);
    } catch (IOException e) {
      // one of them is closed
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (Socket socket : open) {
      socket.close();
    }
  }
}
