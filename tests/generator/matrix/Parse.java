import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreeScanner;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.ToolProvider;

/**
 * Reads the files of generated Java below a folder by the language's own parser, and prints what
 * each says of signatures: the client's folder, then the name, inputs, outputs and features in
 * base64.
 */
final class Parse {
  public static void main(String[] args) throws Exception {
    Path root = Path.of(args[0]);
    List<Path> files;
    try (Stream<Path> all = Files.walk(root)) {
      files = all.filter(path -> path.toString().endsWith(".java")).collect(Collectors.toList());
    }
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    DiagnosticCollector<JavaFileObject> problems = new DiagnosticCollector<>();
    var manager = compiler.getStandardFileManager(problems, null, StandardCharsets.UTF_8);
    var options = List.of("--release", "11");
    var sources = manager.getJavaFileObjectsFromPaths(files);
    var task = (JavacTask) compiler.getTask(null, manager, problems, options, null, sources);
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (var unit : task.parse()) {
      Path path = root.relativize(Path.of(unit.getSourceFile().toUri()));
      new TreeScanner<Void, Void>() {
        @Override
        public Void visitVariable(VariableTree field, Void nothing) {
          if (field.getName().contentEquals("SIGNATURE")) {
            out.println(path.getName(0) + "\t" + told(field.getInitializer()));
          }
          return super.visitVariable(field, nothing);
        }
      }.scan(unit, null);
    }
    for (Diagnostic<?> problem : problems.getDiagnostics()) {
      System.err.println(problem);
    }
    System.exit(problems.getDiagnostics().isEmpty() ? 0 : 1);
  }

  /** The names that the calls of a chain are given. */
  private static String told(ExpressionTree chain) {
    String name = "";
    List<String> inputs = new ArrayList<>();
    List<String> outputs = new ArrayList<>();
    List<String> features = new ArrayList<>();
    while (chain instanceof MethodInvocationTree) {
      MethodInvocationTree call = (MethodInvocationTree) chain;
      MemberSelectTree method = (MemberSelectTree) call.getMethodSelect();
      String text = call.getArguments().isEmpty() ? "" : text(call.getArguments().get(0));
      String verb = method.getIdentifier().toString();
      if (verb.equals("builder")) {
        name = text;
      } else if (verb.equals("input") || verb.equals("optionalInput")) {
        inputs.add(text);
      } else if (verb.equals("output")) {
        outputs.add(text);
      } else if (verb.equals("feature") || verb.equals("optionalFeature")) {
        features.add(text);
      }
      chain = method.getExpression();
    }
    return String.join(
        "\t",
        name,
        String.join(" ", inputs),
        String.join(" ", outputs),
        String.join(" ", features));
  }

  private static String text(ExpressionTree literal) {
    if (!(literal instanceof LiteralTree)) {
      return "";
    }
    String value = ((LiteralTree) literal).getValue().toString();
    return Base64.getEncoder().encodeToString(('"' + value).getBytes(StandardCharsets.UTF_8));
  }
}
